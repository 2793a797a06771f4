/**
 * Bearer tokens, compared by their hashes in constant time, so that neither the time nor the length of a refusal
 * reveals anything about a guess.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { failure } from '../../platform/errors.ts'

/** Throws `AUTH_REQUIRED` unless the header carries one of the present tokens. Without tokens every request passes. */
export function bearerGuard(
  tokens: () => readonly string[],
): (authorization: string | undefined) => void {
  let hashed = tokens()
  let known = hashed.map(hashOf)
  return (authorization) => {
    if (tokens() !== hashed) {
      hashed = tokens()
      known = hashed.map(hashOf)
    }
    if (known.length === 0) return
    const given = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (given === undefined) throw failure('AUTH_REQUIRED', 'the request has no bearer token')
    const hash = hashOf(given)
    // No early exit: every token is compared, whichever matches.
    const matches = known.map((token) => timingSafeEqual(token, hash))
    if (!matches.includes(true)) throw failure('AUTH_REQUIRED', 'the bearer token is unknown')
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
