/** The schemas of events set aside by rollbacks, and of the commands to a trainer. */
import { Type, type Static } from 'typebox'
import { Next } from './page.ts'
import { Count, Time } from '../schema-parts.ts'

const Strict = { additionalProperties: false }
const Reason = Type.Optional(
  Type.String({ minLength: 1, maxLength: 1000, description: 'recorded in the history' }),
)

export const SetAsideAnswer = Type.Object({
  count: Type.Integer({ description: 'set aside now' }),
  set_aside: Type.Array(
    Type.Object({
      source: Type.String(),
      id: Type.String(),
      label: Type.Optional(Type.String()),
      time: Type.Optional(Time),
      was: Type.String({
        description: 'where it was at the rollback: undone, pending, waiting or unread',
      }),
      relearning: Type.Optional(Type.Boolean({ description: 'it will be learned' })),
    }),
  ),
  next: Next,
})

/** Selects the events: all that it does not exclude. */
export const SelectionBody = Type.Object(
  {
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    label: Type.Optional(Type.String({ minLength: 1 })),
    since: Type.Optional(Time),
    reason: Reason,
  },
  Strict,
)
export type SelectionBody = Static<typeof SelectionBody>

export const SelectedAnswer = Type.Object({
  events: Type.Integer({ description: 'number of events selected when the command was given' }),
  generation: Count,
})

export const PauseBody = Type.Object({ reason: Reason }, Strict)
export type PauseBody = Static<typeof PauseBody>
export const PauseAnswer = Type.Object({ paused: Type.Boolean(), generation: Count })
