/**
 * The base for numbers and categories: an object or a list becomes a vector, the vector is standardised with what the
 * stream has shown so far, and hidden layers follow, or none. No download: its weights are drawn from a fixed seed, so
 * that equal settings are equal bases everywhere.
 */
import type { Base, Input, Tensor } from '../contracts.ts'
import { failure, invariant } from '../runtime/errors.ts'
import { openRandom } from '../runtime/random.ts'
import { type FeaturesLayout, inputSize, vectorSize } from './features-layout.ts'
import { featuresNetwork, hiddenName, SPREAD } from './features-network.ts'
import { featuresStatistics } from './features-statistics.ts'
import { vectorizer } from './features-vector.ts'
import { hashBase } from './hash.ts'

export interface FeaturesOptions {
  /** Numbers in a vector: the named ones, or all of a list, and the columns that names and categories are hashed to. */
  readonly size: number
  /** With names, an input comes as an object: `names[i]` is the number at i, and what is left of `size` is for hashing. */
  readonly names?: readonly string[] | undefined
  /** Widths of the hidden layers, first to last. None makes the model on top linear. */
  readonly hidden?: readonly number[] | undefined
  /** False: the head reads the last hidden layer without the inputs beside it. Means nothing where there is none. */
  readonly shortcut?: boolean | undefined
  /** False: numbers stay as they are, as embeddings from elsewhere should. */
  readonly standardise?: boolean | undefined
  /** Pieces into which each number is cut besides, so that a linear map of them bends; absent = 0. */
  readonly bins?: number | undefined
  /** Events after which the recent statistics have forgotten; absent or 0 = no recent part. */
  readonly window?: number | undefined
}

/** Raised whenever the same settings would give another output. */
const EQUATIONS = 'features/3'
const SEED = 1

export function openFeatures(options: FeaturesOptions): Base {
  const { size, names, hidden = [], standardise = true, bins = 0 } = options
  const shortcut = options.shortcut !== false || hidden.length === 0
  invariant(Number.isSafeInteger(size) && size > 0, `a vector of ${size} features`)
  invariant(new Set(names).size === (names ?? []).length, 'names differ')
  invariant((names ?? []).length <= size, `${names?.length} names for ${size} features`)
  const standardised = names?.length ?? size
  const flags = names?.length ?? 0
  const { window: asked = 0 } = options
  const window = standardise && standardised > 0 && asked > 0 ? asked : undefined
  const asTheyAre = !standardise
  const hashed = size - standardised
  const layout = { standardised, hashed, flags, asTheyAre, hidden, window, shortcut, bins }
  const weights = new Map([...hiddenWeights(layout), ...spread(layout)])
  const shape = { size, names: names ?? null, hidden, window: window ?? 0, bins }
  const settings = { equations: EQUATIONS, standardise, ...(!shortcut && { shortcut }), ...shape }
  const toVector = vectorizer(size, names)
  return {
    name: 'features',
    hash: hashBase(settings, weights),
    inputKind: 'features',
    network: featuresNetwork(layout),
    weights,
    ...(standardise && { statistics: featuresStatistics(layout) }),
    encode(input: Input) {
      if (input.kind !== 'features')
        throw failure('INPUT_WRONG_KIND', `the base reads features, the input holds ${input.kind}`)
      return { kind: 'vector', values: roomy(toVector(input.features), vectorSize(layout)) }
    },
  }
}

/**
 *   W ~ N(0, 2 / in), b = 0
 *
 * He et al. (2015), "Delving deep into rectifiers", ICCV.
 */
function hiddenWeights(layout: FeaturesLayout): Map<string, Tensor> {
  const random = openRandom(SEED, 'features/hidden')
  const weights = new Map<string, Tensor>()
  let inSize = inputSize(layout)
  for (const [layer, outSize] of layout.hidden.entries()) {
    const deviation = Math.sqrt(2 / inSize)
    const data = Float32Array.from({ length: inSize * outSize }, () => random.normal() * deviation)
    weights.set(`${hiddenName(layer)}.weight`, { shape: [inSize, outSize], data })
    const bias = { shape: [outSize], data: new Float32Array(outSize) }
    weights.set(`${hiddenName(layer)}.bias`, bias)
    inSize = outSize
  }
  return weights
}

function spread({ window, standardised }: FeaturesLayout): Map<string, Tensor> {
  if (window === undefined || standardised === 0) return new Map()
  const data = new Float32Array(standardised).fill(1)
  return new Map([[SPREAD, { shape: [1, standardised], data }]])
}

/** With zeros behind it for what only the stream knows. */
function roomy(values: Float32Array, size: number): Float32Array {
  if (values.length === size) return values
  const longer = new Float32Array(size)
  longer.set(values)
  return longer
}
