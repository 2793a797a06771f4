/** The schemas of dead letters over HTTP, and how one is shown. */
import { Type, type Static } from 'typebox'
import type { NumberedLetter } from '../../../intake/dead-letters/pages.ts'
import { entryOf } from '../../../platform/errors.ts'
import { Next } from '../page.ts'
import { Count, Time } from '../../schema-parts.ts'

export const LetterAnswer = Type.Object({
  id: Type.Integer({ minimum: 1 }),
  code: Type.String(),
  reason: Type.String(),
  fix: Type.Optional(Type.String()),
  source: Type.String({ description: 'the connector it came from' }),
  partition: Type.String(),
  position: Type.String(),
  time: Time,
  value: Type.Optional(Type.String({ description: 'the message as it arrived, if it is text' })),
  value_base64: Type.Optional(
    Type.String({ description: 'the message as it arrived, if it is not text, in base64' }),
  ),
  bytes: Count,
  truncated: Type.Optional(Type.Boolean({ description: 'value is truncated' })),
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
  resent: Type.Integer({ description: 'accepted, and removed from the dead letters' }),
  duplicates: Type.Integer({ description: 'already known, and removed from the dead letters' }),
  rejected: Type.Array(
    Type.Object({ id: Type.Integer(), code: Type.String(), message: Type.String() }),
    { description: 'refused again; they stay' },
  ),
  next: Type.Optional(
    Type.String({ description: 'if there is more: the `before` of the next call' }),
  ),
})

export const DroppedAnswer = Type.Object({ dropped: Count })

/** The number of bytes of each value in a list. */
const SHOWN_BYTES = 1024

export function describeLetter(
  { number, letter }: NumberedLetter,
  { whole = false } = {},
): Static<typeof LetterAnswer> {
  const { code, reason, connector, partition, position, timeMs, value } = letter
  const isTruncated = !whole && value.length > SHOWN_BYTES
  const shown = isTruncated ? value.subarray(0, SHOWN_BYTES) : value
  return {
    id: number,
    ...{ code, reason, fix: entryOf(code).fix },
    ...{ source: connector, partition, position },
    time: new Date(timeMs).toISOString(),
    ...textOf(shown, isTruncated),
    bytes: value.length,
    ...(isTruncated && { truncated: true }),
  }
}

/** A cut inside a character drops that character. */
function textOf(bytes: Uint8Array, isCut: boolean) {
  try {
    return { value: new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: isCut }) }
  } catch {
    return { value_base64: Buffer.from(bytes).toString('base64') }
  }
}
