/**
 * Converts an input to a vector: a list unchanged; an object by its names, with all other keys hashed into the
 * remaining columns, so that categories need no dictionary and a new one needs no new column.
 *
 *   text:    v[h(name = value)] += ξ(name = value)            number: v[h(name)] += ξ(name) · value
 *
 * ξ is a sign from a separate hash bit, so that collisions cancel on average. The hash is fixed: trainer and server,
 * now and after an upgrade, put a category into the same column.
 *
 * Weinberger et al. (2009), "Feature hashing for large scale multitask learning", ICML.
 */
import type { FeaturesInput } from '../../payloads/inputs/features.ts'
import { failure } from '../../platform/errors.ts'
import { hashOf } from './schema.ts'

type Features = FeaturesInput['features']
type NamedFeatures = Exclude<Features, readonly number[]>

export function vectorizer(size: number, names: readonly string[] | undefined) {
  if (names === undefined) return (features: Features) => ofList(features, size)
  const places = new Map(names.map((name, at) => [name, at]))
  return (features: Features) =>
    isList(features)
      ? allGiven(ofList(features, size, names), names)
      : ofObject(features, size, places)
}

function ofList(features: Features, size: number, names?: readonly string[]): Float32Array {
  if (!isList(features))
    throw invalid('the base declares no names: send a list of numbers, or give base.features.names')
  const length = names?.length ?? size
  if (features.length !== length)
    throw invalid(`there are ${features.length} features; the base takes ${length}`)
  const values = new Float32Array(size + (names?.length ?? 0))
  for (const [index, value] of features.entries())
    values[index] = finite(value, names?.[index] ?? `${index}`)
  return values
}

function allGiven(values: Float32Array, names: readonly string[]): Float32Array {
  return values.fill(1, values.length - names.length)
}

/** A missing name is flagged, and counts as the mean. */
function ofObject(features: NamedFeatures, size: number, places: ReadonlyMap<string, number>) {
  const values = new Float32Array(size + places.size)
  for (const [name, value] of Object.entries(features)) {
    const place = places.get(name)
    if (place === undefined) hashInto(values, name, value, places.size, size)
    else {
      values[place] = finite(value, name)
      values[size + place] = 1
    }
  }
  return values
}

function hashInto(
  values: Float32Array,
  name: string,
  value: unknown,
  from: number,
  to: number,
): void {
  if (from === to)
    throw invalid(
      `no feature is called ${name}, and no column is left to hash it to: name it in base.features.names, or raise base.features.size above ${from}`,
      name,
    )
  const isCategory = typeof value === 'string'
  const hash = hashOf(isCategory ? `${name}\0${value}` : name)
  const column = from + ((hash >>> 1) % (to - from))
  const amount = isCategory ? 1 : finite(value, name)
  values[column] = (values[column] ?? 0) + (hash & 1 ? amount : -amount)
}

/** Finite as float32, in which everything is computed: 1e39 is not. True is 1. */
function finite(value: unknown, name: string): number {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
  const hint = typeof value === 'string' ? '; leave categories out of base.features.names' : ''
  throw invalid(`the feature ${name} is ${String(value)}, not a finite number${hint}`, name)
}

function isList(features: Features): features is readonly number[] {
  return Array.isArray(features)
}

function invalid(what: string, feature?: string): Error {
  return failure('FEATURES_INVALID', what, { details: feature === undefined ? {} : { feature } })
}
