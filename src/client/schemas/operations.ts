/** Over HTTP: the replicas and who trains which model, and what operators did. */
import { Type } from 'typebox'
import { nullable } from '../../platform/nullable.ts'
import { Count, Name, Next, PageQuery, Time, flag, integer, text } from './parts.ts'

const Member = Type.Object({
  replica: Type.String(),
  role: text('all, trainer or server'),
  url: Type.Optional(Type.String()),
  seen: Time,
  models: Type.Array(
    Type.Object({ model: Name, version: Name, digest: Type.String(), generation: Count }),
  ),
})

const Lease = Type.Object({
  holder: text('replica that trains it'),
  epoch: integer('rises with each holder of the lease'),
  expires: Time,
})

export const FleetAnswer = Type.Object({
  replica: text('replica that answers'),
  shared: flag('whether this daemon is part of a fleet'),
  members: Type.Array(Member),
  models: Type.Array(
    Type.Object({
      model: Name,
      lease: nullable(Lease),
      config_differs: Type.Optional(
        Type.Array(Type.String(), {
          description: 'keys of its configuration in which the members differ; absent = none',
        }),
      ),
    }),
  ),
  problem: Type.Optional(
    Type.Object(
      { code: Type.String(), message: Type.String() },
      { description: 'why nothing is known about the others now' },
    ),
  ),
})

export const AuditQuery = Type.Object(
  {
    ...PageQuery.properties,
    before: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,15}-[0-9]{1,15}$',
        description: 'the `next` of the previous page',
      }),
    ),
  },
  { additionalProperties: false },
)

export const AuditAnswer = Type.Object({
  records: Type.Array(
    Type.Object({
      time: Type.String({ format: 'date-time' }),
      key: text('name of the key; token-1, … for a token; anonymous'),
      method: Type.String(),
      path: Type.String(),
      from: text('address that the request came from'),
      forwarded_for: Type.Optional(text('what the request says that a proxy saw; not verified')),
      request: text('id of the request in the log'),
      status: Type.Integer(),
      code: Type.Optional(text('of the error, if it failed')),
      body: Type.Optional(
        Type.Unsafe<{ readonly reason?: unknown }>({
          description: 'of the request; a long one is cut',
        }),
      ),
    }),
  ),
  next: Next,
})
