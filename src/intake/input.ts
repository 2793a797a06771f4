/**
 * What is to be answered or learned from: text, or features as a list or by name. The same rules for the input of an
 * event and for an input of a predict request, so that whatever was served can be taught.
 */
import type { Input, Json } from '../contracts.ts'
import type { Limits } from '../runtime/limits.ts'
import { given, isLonger, isObject } from './fields.ts'
import { below, refuse } from './refuse.ts'

export type InputLimits = Pick<Limits, 'text_characters' | 'features' | 'label_characters'>

/** A plain string is text. `kind` is what the base reads, when that is known here. */
export function readInput(
  value: Json,
  limits: InputLimits,
  pointer: string,
  kind?: Input['kind'],
): Input {
  const input = read(value, limits, pointer)
  if (kind !== undefined && input.kind !== kind) {
    throw refuse('INPUT_WRONG_KIND', pointer, `the base reads ${kind}, this is ${input.kind}`)
  }
  return input
}

function read(value: Json, limits: InputLimits, pointer: string): Input {
  if (typeof value === 'string') return text(value, limits, pointer)
  const object = isObject(value) ? value : {}
  const written = given(object, 'text')
  const features = given(object, 'features')
  if (written !== undefined && features === undefined) {
    return text(written, limits, below(pointer, 'text'))
  }
  if (features !== undefined && written === undefined) {
    return { kind: 'features', features: vector(features, limits, below(pointer, 'features')) }
  }
  throw refuse('EVENT_INVALID', pointer, 'either { text } or { features }')
}

function text(value: Json, limits: InputLimits, pointer: string): Input {
  if (typeof value !== 'string') throw refuse('EVENT_INVALID', pointer, 'a string')
  const most = limits.text_characters
  if (isLonger(value, most)) {
    throw refuse('INPUT_TOO_LONG', pointer, `more than ${most} characters`)
  }
  // Something besides blanks, controls and invisible marks.
  if (!/[^\p{Z}\p{Cc}\p{Cf}]/u.test(value)) throw refuse('INPUT_EMPTY', pointer, 'nothing visible')
  return { kind: 'text', text: wellFormed(value) }
}

/** Half of a surrogate pair is no character; what would be written to disk in its place is put here already. */
function wellFormed(value: string): string {
  return value.replace(/\p{Cs}/gu, '\uFFFD')
}

function vector(
  value: Json,
  limits: InputLimits,
  pointer: string,
): readonly number[] | Readonly<Record<string, number | string>> {
  if (Array.isArray(value)) {
    checkCount(value.length, limits, pointer)
    return value.map((item: Json, index) => finite(item) ?? fail(below(pointer, index)))
  }
  if (!isObject(value)) throw refuse('FEATURES_INVALID', pointer, 'a list or an object of features')
  const entries = Object.entries(value)
  checkCount(entries.length, limits, pointer)
  return Object.fromEntries(
    entries.map(([name, item]) => [
      name,
      finite(item) ?? category(item, limits) ?? fail(below(pointer, name)),
    ]),
  )
}

function checkCount(count: number, limits: InputLimits, pointer: string): void {
  if (count === 0) throw refuse('INPUT_EMPTY', pointer, 'no features')
  if (count > limits.features) {
    throw refuse('INPUT_TOO_LONG', pointer, `${count} features, at most ${limits.features}`)
  }
}

/** Finite also as the 32-bit float that the network computes with; minus zero is zero, as JSON writes it. */
function finite(value: Json): number | undefined {
  return typeof value === 'number' && Number.isFinite(Math.fround(value)) ? value + 0 : undefined
}

function category(value: Json, limits: InputLimits): string | undefined {
  const isName = typeof value === 'string' && value.length <= limits.label_characters
  return isName ? wellFormed(value) : undefined
}

function fail(pointer: string): never {
  throw refuse('FEATURES_INVALID', pointer, 'a finite number, or by name a short category')
}
