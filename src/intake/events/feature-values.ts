/**
 * The features of an input: a list of numbers, or an object of numbers, short categories and booleans by name. In an
 * object null means missing, as in most exports of tables, and is left out; a list cannot express it.
 *
 * A base interprets the names; these rules hold for every base.
 */
import type { Json } from '../../contracts/core.ts'
import type { Limits } from '../../platform/limits.ts'
import { isObject } from './fields.ts'
import { below, refuse } from './refuse.ts'
import { wellFormed } from '../../platform/visible-text.ts'

export type FeatureLimits = Pick<Limits, 'features' | 'feature_magnitude' | 'label_characters'>

type Value = number | string | boolean

export function readFeatures(
  value: Json,
  limits: FeatureLimits,
  pointer: string,
): readonly number[] | Readonly<Record<string, Value>> {
  if (Array.isArray(value)) {
    checkCount(value.length, limits, pointer)
    return value.map((item: Json, index) => ofList(item, limits, below(pointer, index)))
  }
  if (!isObject(value)) throw refuse('FEATURES_INVALID', pointer, 'a list or an object of features')
  const entries = Object.entries(value).filter(([, item]) => item !== null)
  checkCount(entries.length, limits, pointer)
  return Object.fromEntries(
    entries.map(([name, item]) => [name, ofObject(item, limits, below(pointer, name))]),
  )
}

function checkCount(count: number, limits: FeatureLimits, pointer: string): void {
  if (count === 0)
    throw refuse(
      'INPUT_EMPTY',
      pointer,
      'no features',
      'send at least one feature that is not null',
    )
  if (count > limits.features) {
    throw refuse('INPUT_TOO_LONG', pointer, `${count} features, at most ${limits.features}`)
  }
}

function ofList(item: Json, limits: FeatureLimits, pointer: string): number {
  if (typeof item === 'number') return number(item, limits, pointer)
  if (typeof item === 'boolean') return item ? 1 : 0
  const why =
    item === null ? 'a list cannot say that a number is missing; send { name: number }' : 'a number'
  throw refuse('FEATURES_INVALID', pointer, why)
}

function ofObject(item: Json, limits: FeatureLimits, pointer: string): Value {
  if (typeof item === 'number') return number(item, limits, pointer)
  if (typeof item === 'boolean') return item
  const most = limits.label_characters
  if (typeof item === 'string' && item.length <= most) return wellFormed(item)
  throw refuse(
    'FEATURES_INVALID',
    pointer,
    `a number, true or false, a category of at most ${most} characters, or null for missing`,
  )
}

/** Minus zero becomes zero, as JSON writes it. */
function number(value: number, limits: FeatureLimits, pointer: string): number {
  const most = limits.feature_magnitude
  if (Math.abs(value) <= most) return value + 0
  if (!Number.isFinite(value)) throw refuse('FEATURES_INVALID', pointer, `${value} is not finite`)
  throw refuse('FEATURE_TOO_LARGE', pointer, `${value} lies beyond ±${most}`)
}
