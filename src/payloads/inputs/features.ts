/**
 * The features of an input: a list of numbers, or an object of numbers, short categories and booleans by name. In an
 * object null means missing, as in most exports of tables, and is left out; a list cannot express it.
 *
 * A base interprets the names; these rules hold for every base.
 */
import type { Json } from '../../contracts/core.ts'
import type { InputKind } from '../../contracts/payload.ts'
import { failure } from '../../platform/errors.ts'
import type { Limits } from '../../platform/limits.ts'
import { wellFormed } from '../../platform/visible-text.ts'
import { below, isObject, refuse } from '../reading.ts'

export type FeaturesInput = Readonly<{
  kind: 'features'
  /** A name that is absent is missing. */
  features: readonly number[] | Readonly<Record<string, FeatureValue>>
}>

export type FeatureValue = number | string | boolean
export type FeatureLimits = Pick<Limits, 'features' | 'feature_magnitude' | 'label_characters'>

export const features: InputKind<FeaturesInput> = {
  name: 'features',
  summary: 'numbers, or numbers, categories and booleans by name',
  flags: {
    features: {
      description: 'or features: {"age": 3, "town": "Oslo"}, or 0.5,1,0',
      as: 'json',
      other(text) {
        const found = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
        if (!/^\s*[[{]/.test(text) && found.every(Number.isFinite)) return found
        const forms = `numbers separated by commas, or JSON such as '{"age": 3, "town": "Oslo"}'`
        throw failure('USAGE', `--features ${text}: give ${forms}`)
      },
    },
  },
  columns: 'others',
  example: [0.5, 1],
  read(value, limits: FeatureLimits, pointer) {
    if (Array.isArray(value)) {
      checkCount(value.length, limits, pointer)
      const list = value.map((item: Json, at) => ofList(item, limits, below(pointer, at)))
      return { kind: 'features', features: list }
    }
    if (!isObject(value))
      throw refuse('FEATURES_INVALID', pointer, 'a list or an object of features')
    const entries = Object.entries(value).filter(([, item]) => item !== null)
    checkCount(entries.length, limits, pointer)
    const named = entries.map(
      ([name, item]) => [name, readFeature(item, limits, below(pointer, name))] as const,
    )
    return { kind: 'features', features: Object.fromEntries(named) }
  },
  schema({ features: most, feature_magnitude, label_characters }: FeatureLimits) {
    const number = { type: 'number', minimum: -feature_magnitude, maximum: feature_magnitude }
    const value = [{ type: 'boolean' }, number]
    const category = { type: 'string', maxLength: label_characters }
    const list = { type: 'array', minItems: 1, maxItems: most, items: { anyOf: value } }
    const named = {
      ...{ type: 'object', minProperties: 1, maxProperties: most },
      additionalProperties: { anyOf: [...value, category] },
    }
    return { oneOf: [list, named] }
  },
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

/** One value of a table. */
export function readFeature(item: Json, limits: FeatureLimits, pointer: string): FeatureValue {
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
