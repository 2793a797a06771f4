/**
 * An event's identity as one key, for maps and for the bytes of the checkpoint: `source` NUL `id`. A source contains no
 * NUL, so that a key has one reading. No other file knows how the two are joined.
 */
import type { EventIdentity, ExampleKey } from '../../contracts/core.ts'

const SEPARATOR = '\0'

export function keyOf({ source, id }: EventIdentity): ExampleKey {
  return `${source}${SEPARATOR}${id}` as ExampleKey
}

export function identityOf(key: ExampleKey): EventIdentity {
  const end = key.indexOf(SEPARATOR)
  return { source: key.slice(0, end), id: key.slice(end + 1) }
}

/** The bytes that the keys of a source's events begin with. */
export function prefixOf(source: string): Uint8Array {
  return new TextEncoder().encode(`${source}${SEPARATOR}`)
}

/** For a message. */
export function shownKey(key: ExampleKey): string {
  return key.replace(SEPARATOR, ' ')
}
