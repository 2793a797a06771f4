/** What operators did, over HTTP. */
import { Type } from 'typebox'
import { Next, PageQuery } from './pages.ts'

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
      key: Type.String({ description: 'name of the key; token-1, … for a token; anonymous' }),
      method: Type.String(),
      path: Type.String(),
      from: Type.String({ description: 'address that the request came from' }),
      forwarded_for: Type.Optional(
        Type.String({ description: 'what the request says that a proxy saw; not verified' }),
      ),
      request: Type.String({ description: 'id of the request in the log' }),
      status: Type.Integer(),
      code: Type.Optional(Type.String({ description: 'of the error, if it failed' })),
      body: Type.Optional(
        Type.Unsafe<{ readonly reason?: unknown }>({
          description: 'of the request; a long one is cut',
        }),
      ),
    }),
  ),
  next: Next,
})
