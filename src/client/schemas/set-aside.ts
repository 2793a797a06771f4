/** The schemas of events set aside by rollbacks, and of the commands to a trainer. */
import { Type, type Static } from 'typebox'
import { Count, Reason, Time, flag, integer, number, text } from './parts.ts'

const Strict = { additionalProperties: false }

const event = { source: Type.String(), id: Type.String(), time: Type.Optional(Time) }

export const Aside = Type.Object({
  ...event,
  was: text('where it was at the rollback: undone, pending, waiting or unread'),
  relearning: Type.Optional(flag('it will be learned')),
})

export const Quarantined = Type.Object({
  ...event,
  why: text('why it is kept back: outlier, hostile, over-share or over-daily'),
  releasing: Type.Optional(flag('it will be learned')),
})

export const Distrusted = Type.Object({
  source: Type.String(),
  trust: number('what its examples weigh: 0 = nothing, 1 = all'),
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
  events: integer('number of events selected when the command was given'),
  generation: Count,
})

export const PauseBody = Type.Object({ reason: Type.Optional(Reason) }, Strict)
export type PauseBody = Static<typeof PauseBody>
export const PauseAnswer = Type.Object({ paused: Type.Boolean(), generation: Count })
