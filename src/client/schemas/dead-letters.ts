/** Dead letters over HTTP. */
import { Type, type Static } from 'typebox'
import { Count, Next, Time, flag, integer, text } from './parts.ts'

export const LetterAnswer = Type.Object({
  id: Type.Integer({ minimum: 1 }),
  code: Type.String(),
  reason: Type.String(),
  fix: Type.Optional(Type.String()),
  source: text('the connector it came from'),
  partition: Type.String(),
  position: Type.String(),
  time: Time,
  value: Type.Optional(text('the message as it arrived, if it is text')),
  value_base64: Type.Optional(text('the message as it arrived, if it is not text, in base64')),
  bytes: Count,
  truncated: Type.Optional(flag('value is truncated')),
})

export const LettersAnswer = Type.Object({
  dead_letters: Type.Array(LetterAnswer),
  counts: Type.Record(Type.String(), Type.Integer(), { description: 'kept now, by code' }),
  next: Next,
})

/** A code in the form of error codes. */
export const ErrorName = Type.String({ pattern: '^[A-Z0-9_]{1,64}$' })

/** Which dead letters: by id, by code, or all. */
export const LetterChoiceBody = Type.Object(
  {
    ids: Type.Optional(Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 1000 })),
    code: Type.Optional(ErrorName),
    all: Type.Optional(Type.Literal(true)),
  },
  { additionalProperties: false, description: 'exactly one of ids, code and all' },
)
export type LetterChoiceBody = Static<typeof LetterChoiceBody>

export const ResentAnswer = Type.Object({
  resent: integer('accepted, and removed from the dead letters'),
  duplicates: integer('already known, and removed from the dead letters'),
  rejected: Type.Array(
    Type.Object({ id: Type.Integer(), code: Type.String(), message: Type.String() }),
    { description: 'refused again; they stay' },
  ),
  next: Type.Optional(text('if there is more: the `before` of the next call')),
})

export const DroppedAnswer = Type.Object({ dropped: Count })
