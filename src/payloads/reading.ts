/**
 * How a value of JSON is read or refused. `pointer` is a JSON pointer (RFC 6901) to its place, '' means the whole
 * message. A key with the value null counts as absent, because many producers write every key they know.
 */
import type { CodedError, Json } from '../contracts/core.ts'
import type { InputKind, PayloadLimits } from '../contracts/payload.ts'
import { failure, type ErrorCode } from '../platform/errors.ts'

/** `fix` replaces the code's own fix. */
export function refuse(code: ErrorCode, pointer: string, why: string, fix?: string): CodedError {
  const message = pointer === '' ? why : `${pointer}: ${why}`
  return failure(code, message, { details: { pointer }, fix })
}

/** Pointers contain keys from untrusted input: long ones are truncated. */
export function below(pointer: string, key: string | number): string {
  const short = String(key).slice(0, 64)
  // Pointers are built for each field, also for valid ones: most need no escaping.
  const escaped = /[~/]/.test(short) ? short.replaceAll('~', '~0').replaceAll('/', '~1') : short
  return `${pointer}/${escaped}`
}

/** How many bytes longer than another a message may be that has an input of one of these kinds. */
export function roomFor(kinds: readonly InputKind[], limits: PayloadLimits): number {
  const room = kinds.map((kind) => kind.bytes?.(limits) ?? 0)
  return Math.max(0, ...room.filter(Number.isSafeInteger))
}

export type JsonObject = Readonly<Record<string, Json>>

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Words of JSON Schema that allow no more and no less. */
export const schemaNotes: readonly string[] = [
  ...['$schema', '$id', '$defs', 'definitions', 'title', 'description', 'examples', 'default'],
]

export function given(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? (object[key] ?? undefined) : undefined
}

/** Code points, not UTF-16 units: these are at most twice the characters, so almost no text has to be counted. */
export function isLonger(text: string, most: number): boolean {
  return text.length > most && (text.length > 2 * most || Array.from(text).length > most)
}

/** What `read` of a kind takes, as it stands in an input. */
export function keyed({ name, beside }: InputKind, value: Json): JsonObject {
  return beside !== undefined && isObject(value) ? value : { [name]: value }
}

/** The other way; undefined if the input is of another kind. */
export function valueIn(kind: InputKind, input: JsonObject): Json | undefined {
  const { name, beside } = kind
  const own = given(input, name)
  if (beside === undefined || own === undefined) return own
  const others = beside.flatMap((key): [string, Json][] => {
    const value = given(input, key)
    return value === undefined ? [] : [[key, value]]
  })
  return Object.fromEntries([...others, [name, own]])
}

export function hasUnprintable(text: string): boolean {
  return /[\p{Cc}\p{Cs}]/u.test(text)
}

/** Parts of the JSON Schema of a text. */
export const printable = { pattern: String.raw`^[^\p{Cc}\p{Cs}]*$` }
export const visible = { pattern: String.raw`[\p{L}\p{N}\p{P}\p{S}]` }
