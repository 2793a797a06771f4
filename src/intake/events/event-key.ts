/**
 * An event's identity as one key, for maps and for the bytes of the checkpoint: `source` NUL `id`. A source contains no
 * NUL, so that a key has one reading. No other file knows how the two are joined.
 */
import { hash } from 'node:crypto'
import type { EventIdentity, ExampleKey, Json } from '../../contracts/core.ts'
import { isRetraction, type FeedbackEvent, type Input } from '../../contracts/event.ts'
import type { Payload } from '../../contracts/payload.ts'
import { canonicalJson } from '../../platform/canonical-json.ts'

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

/** For an id accepted before digests were stored: any signal counts as the same. */
export const UNKNOWN_SIGNAL = 0
/** For a retracted id: nothing is learned under it. */
export const RETRACTED = 1
/** For an id that was forgotten on request: it never comes back, and nothing but its hash is left. */
export const FORGOTTEN = 3
/** For an id that was accepted and then refused: it may come again. */
export const LET_AGAIN = 2

/**
 * The content of a signal as a four-byte digest, to distinguish a repeated signal from a different one under the same
 * id. One in 2³² pairs of different signals is mistaken for a duplicate.
 */
export function signalDigest({
  signal,
  weight,
  input,
  predictionId = '',
}: Pick<FeedbackEvent, 'signal' | 'weight' | 'input' | 'predictionId'>): number {
  const said = isRetraction(signal) ? 'false' : saidBy(signal)
  const text = [signal.kind, said, weight, predictionId, inputText(input)].join('\0')
  const digest = Number.parseInt(hash('sha256', text).slice(0, 8), 16)
  return Math.max(digest, FORGOTTEN + 1)
}

/** A single field of the kind's own name as it stands; several, or one of another name, as a list. */
function saidBy({ kind, ...fields }: Payload): string {
  const own = fields[kind]
  if (own === undefined || Object.keys(fields).length > 1)
    return canonicalJson(Object.values(fields))
  return typeof own === 'object' ? canonicalJson(own) : String(own)
}

function inputText(input: Input | undefined): string {
  const { kind, ...fields } = input ?? { kind: '' }
  const value = Object.keys(fields).length > 1 ? fields : (fields[kind] ?? '')
  if (typeof value !== 'object') return String(value)
  if (!Array.isArray(value)) return canonicalJson(value)
  const list: readonly Json[] = value
  return list.some((item) => typeof item === 'object')
    ? JSON.stringify(list)
    : (list as readonly (string | number)[]).join()
}
