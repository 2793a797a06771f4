/**
 * `x-antikythera-key` says which user a request is from, for a canary. A gateway can set it without reading the body; the field `key`
 * of the body comes first.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Type } from 'typebox'
import { failure } from '../../platform/errors.ts'
import { InsistHeaders } from './min-generation.ts'

const HEADER = 'x-antikythera-key'
const MOST_CHARACTERS = 256

/** Only for the description, like those of `min-generation.ts`. */
export const PredictHeaders = Type.Object({
  ...InsistHeaders.properties,
  [HEADER]: Type.Optional(
    Type.String({ description: 'of the user or session: the field key of the body, as a header' }),
  ),
})

export function keyIn(headers: IncomingHttpHeaders): string | undefined {
  const text = headers[HEADER]
  if (text === undefined || text === '') return undefined
  if (typeof text === 'string' && text.length <= MOST_CHARACTERS) return text
  throw failure('REQUEST_INVALID', `${HEADER} has at most ${MOST_CHARACTERS} characters`, {
    details: { header: HEADER },
  })
}
