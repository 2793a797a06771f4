/**
 * API keys: 256 random bits each; the config holds only their SHA-256. A slow hash such as scrypt protects passwords,
 * which can be guessed; a random key cannot be guessed, and each request would pay for the slow hash.
 */
import { createHash, randomBytes } from 'node:crypto'

/**
 * What a key may do. `read` sees models, versions, quality and everything kept about events; `operate` changes which
 * version is live, what is kept and what is learned, and sees what `read` sees.
 */
export const roles = ['predict', 'feedback', 'operate', 'read'] as const
export type Role = (typeof roles)[number]

/** The role that a route requires: a role, one of several, or `any` for every known caller. */
export type RouteRole = Role | readonly Role[] | 'any'

export function opens(given: readonly Role[], wanted: RouteRole): boolean {
  if (wanted === 'any') return true
  const asked = [wanted].flat()
  if (asked.some((role) => given.includes(role))) return true
  return asked.includes('read') && given.includes('operate')
}

/** An entry of `server.auth.keys`. */
export interface KeyEntry {
  readonly name: string
  readonly roles: readonly Role[]
  /** The hash of the key, in hexadecimal digits. */
  readonly sha256: string
  /** Event sources that its feedback may name; absent = all. */
  readonly sources?: readonly string[] | undefined
}

/** The prefix lets scanners of source code and people recognise a leaked key. */
export function newKey(): string {
  return `ak_${randomBytes(32).toString('base64url')}`
}

export function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
