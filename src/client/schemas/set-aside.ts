/** The schemas of events set aside by rollbacks, and of the commands to a trainer. */
import { Type, type Static } from 'typebox'
import { Count, Reason, Time } from './parts.ts'

const Strict = { additionalProperties: false }

const event = { source: Type.String(), id: Type.String(), time: Type.Optional(Time) }

export const Aside = Type.Object({
  ...event,
  was: Type.String({
    description: 'where it was at the rollback: undone, pending, waiting or unread',
  }),
  relearning: Type.Optional(Type.Boolean({ description: 'it will be learned' })),
})

export const Quarantined = Type.Object({
  ...event,
  why: Type.String({
    description: 'why it is kept back: outlier, hostile, over-share or over-daily',
  }),
  releasing: Type.Optional(Type.Boolean({ description: 'it will be learned' })),
})

export const Distrusted = Type.Object({
  source: Type.String(),
  trust: Type.Number({ description: 'what its examples weigh: 0 = nothing, 1 = all' }),
})

/** Selects the events: all that it does not exclude. */
export const Selection = Type.Object(
  {
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    since: Type.Optional(Time),
    from: Type.Optional(
      Type.String({
        pattern: '^v[0-9]{1,15}(-[a-z0-9.-]{1,40})?$',
        description: 'only what rollbacks to this version, or to a later one, have set aside',
      }),
    ),
    reason: Type.Optional(Reason),
  },
  Strict,
)
export const SelectedAnswer = Type.Object({
  events: Type.Integer({ description: 'number of events selected when the command was given' }),
  generation: Count,
})

export const PauseBody = Type.Object({ reason: Type.Optional(Reason) }, Strict)
export type PauseBody = Static<typeof PauseBody>
export const PauseAnswer = Type.Object({ paused: Type.Boolean(), generation: Count })
