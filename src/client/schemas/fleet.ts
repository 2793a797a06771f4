/** The schema of /v1/fleet. */
import { Type } from 'typebox'
import { Count, Name, Time } from './parts.ts'
import { nullable } from '../../platform/nullable.ts'

const Member = Type.Object({
  replica: Type.String(),
  role: Type.String({ description: 'all, trainer or server' }),
  url: Type.Optional(Type.String()),
  seen: Time,
  models: Type.Array(
    Type.Object({ model: Name, version: Name, digest: Type.String(), generation: Count }),
  ),
})

const Lease = Type.Object({
  holder: Type.String({ description: 'replica that trains it' }),
  epoch: Type.Integer({ description: 'rises with each holder of the lease' }),
  expires: Time,
})

export const FleetAnswer = Type.Object({
  replica: Type.String({ description: 'replica that answers' }),
  shared: Type.Boolean({ description: 'whether this daemon is part of a fleet' }),
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
