/**
 * The base for numbers: the vector is its own embedding, so that a head on it is a linear model. No layers, no
 * weights, no download.
 */
import type { Base, Input, Network, NetworkInput, Ops } from '../contracts.ts'
import { failure, invariant } from '../runtime/errors.ts'
import { hashBase } from './hash.ts'

export interface FeaturesOptions {
  readonly size: number
  /** With names, a vector may come as an object too; `names[i]` is the number at i. */
  readonly names?: readonly string[] | undefined
}

/** Raised whenever the same numbers would give another output. */
const EQUATIONS = 'features/1'

export function openFeatures({ size, names }: FeaturesOptions): Base {
  invariant(Number.isSafeInteger(size) && size > 0, `a vector of ${size} features`)
  invariant(names === undefined || new Set(names).size === size, `${size} different names`)
  return {
    name: 'features',
    hash: hashBase({ equations: EQUATIONS, size, names: names ?? null }, new Map()),
    inputKind: 'features',
    network: featuresNetwork(size),
    weights: new Map(),
    encode(input: Input) {
      if (input.kind !== 'features')
        throw failure('INPUT_WRONG_KIND', `the base reads features, the input holds ${input.kind}`)
      return { kind: 'vector', values: vectorOf(input.features, size, names) }
    },
  }
}

function featuresNetwork(size: number): Network {
  return {
    layers: 0,
    width: size,
    unit: false,
    latentWidth: () => size,
    sites: () => [],
    trunk<T>(_ops: Ops<T>, { values }: NetworkInput<T>): T {
      invariant(values !== undefined, 'features reads vectors')
      return values
    },
    tail: (_ops, hidden) => hidden,
  }
}

type Features = Extract<Input, { kind: 'features' }>['features']

function vectorOf(
  features: Features,
  size: number,
  names: readonly string[] | undefined,
): Float32Array {
  const values = isList(features) ? features : inOrder(features, names)
  if (values.length !== size)
    throw invalid(`there are ${values.length} features; the base takes ${size}`)
  return Float32Array.from(values, (value, index) => finite(value, names?.[index] ?? `${index}`))
}

/** The values of an object in the order of the declared names, every name once. */
function inOrder(
  features: Exclude<Features, readonly number[]>,
  names: readonly string[] | undefined,
): readonly unknown[] {
  if (names === undefined)
    throw invalid('the base declares no names: send a list of numbers instead of an object')
  const unknown = Object.keys(features).find((name) => !names.includes(name))
  if (unknown !== undefined) throw invalid(`no feature is called ${unknown}`, unknown)
  return names.map((name) => {
    if (Object.hasOwn(features, name)) return features[name]
    throw invalid(`the feature ${name} is missing`, name)
  })
}

/** Finite as float32, in which everything is computed: 1e39 is not. */
function finite(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
  throw invalid(`the feature ${name} is ${String(value)}, not a finite number`, name)
}

function isList(features: Features): features is readonly number[] {
  return Array.isArray(features)
}

function invalid(what: string, feature?: string): Error {
  return failure('FEATURES_INVALID', what, { details: feature === undefined ? {} : { feature } })
}
