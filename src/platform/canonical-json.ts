/**
 * One text for one JSON value, whatever the order of its keys. Digests and content-based ids are computed from it.
 *
 * Keys sorted by UTF-16 code unit, no blanks, numbers as JavaScript writes them: RFC 8785 (2020), JSON Canonicalization
 * Scheme. Keys with an undefined value are left out, as JSON leaves them out.
 */
import { createHash } from 'node:crypto'
import type { Json } from '../contracts/core.ts'

export function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  const entries = Object.keys(value)
    .sort()
    .map((key) => [key, value[key]] as const)
    .filter((entry): entry is readonly [string, Json] => entry[1] !== undefined)
  const members = entries.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

/** sha256 over the canonical text, in hex. */
export function digestOf(value: Json): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}

/** Array.isArray does not narrow a readonly array. */
function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
