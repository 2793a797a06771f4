/** The shapes of what rollbacks have set aside, and of the commands to a trainer. */
import { Type, type Static } from 'typebox'
import { Next } from './page.ts'
import { Count, Time } from '../schema-parts.ts'

const Strict = { additionalProperties: false }
const Reason = Type.Optional(
  Type.String({ minLength: 1, maxLength: 1000, description: 'kept in the history' }),
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
        description: 'undone, pending, waiting or unread: where it was at the rollback',
      }),
      relearning: Type.Optional(Type.Boolean({ description: 'it will be learned' })),
    }),
  ),
  next: Next,
})

/** Which of them: all that it does not exclude. */
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
  events: Type.Integer({ description: 'so many were meant when the command was given' }),
  generation: Count,
})

export const PauseBody = Type.Object({ reason: Reason }, Strict)
export type PauseBody = Static<typeof PauseBody>
export const PauseAnswer = Type.Object({ paused: Type.Boolean(), generation: Count })
