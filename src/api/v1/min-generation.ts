/**
 * `x-antikythera-min-generation: G`: a client that has just moved the pointer, or seen it move, insists on being answered
 * from there on, whichever replica it reaches. The replica waits a bounded time until it has G, or says that it has not.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Type } from 'typebox'
import { failure } from '../../platform/errors.ts'

const HEADER = 'x-antikythera-min-generation'

/** For the description only: a header that is no number is refused here, by its own words. */
export const InsistHeaders = Type.Object({
  [HEADER]: Type.Optional(
    Type.String({
      description: 'answer from this generation of the live pointer on, waiting for it if need be',
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
