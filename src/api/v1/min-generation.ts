/**
 * `x-antikythera-min-generation: G`: a client that has just moved the pointer, or seen it move, requires answers from
 * that generation on, whichever replica it reaches. The replica waits for a bounded time until it has G, or answers
 * that it does not have it yet.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Type } from 'typebox'
import { failure } from '../../platform/errors.ts'

const HEADER = 'x-antikythera-min-generation'

/** Only for the description: an invalid header is refused by the code here, with its own message. */
export const InsistHeaders = Type.Object({
  [HEADER]: Type.Optional(
    Type.String({
      description: 'answer from this generation of the live pointer on; waits for it if necessary',
    }),
  ),
})

export function generationIn(headers: IncomingHttpHeaders): number | undefined {
  const text = headers[HEADER]
  if (text === undefined) return undefined
  if (typeof text === 'string' && /^\d{1,15}$/.test(text)) return Number(text)
  throw failure('REQUEST_INVALID', `${HEADER} must be a whole number from 0 on, given once`, {
    details: { header: HEADER },
  })
}
