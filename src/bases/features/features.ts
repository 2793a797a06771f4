/**
 * The base for numbers and categories: an object or a list becomes a vector, the vector is standardised with the
 * statistics of the stream so far, and optional hidden layers follow. No download: its weights are drawn from a fixed
 * seed, so equal settings are equal bases everywhere.
 */
import { isOf } from '../../contracts/payload.ts'
import { features, type FeaturesInput } from '../../payloads/inputs/features.ts'
import type { Json, Tensor } from '../../contracts/core.ts'
import type { Base, BaseIdentity } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { openRandom } from '../../platform/random.ts'
import { featuresNetwork, hiddenName, SPREAD } from './network.ts'
import { type FeaturesLayout, inputSize, vectorSize } from './layout.ts'
import { featuresStatistics } from './statistics.ts'
import { planSchema, schemaVectorizer, type FeatureSchema } from './schema.ts'
import { successionOf, type EarlierFeatures, type FeatureColumns } from './succession.ts'
import { vectorizer } from './vector.ts'
import { hashBase } from '../folder.ts'

export interface FeaturesOptions {
  /**
   * Numbers in a vector: the named ones, or the whole list, and the columns that names and categories are hashed to.
   */
  readonly size?: number | undefined
  /** If there are names, an input is an object: `names[i]` is the number at i, and the rest of `size` is for hashing. */
  readonly names?: readonly string[] | undefined
  /** Instead of size and names: every feature with its type. */
  readonly schema?: FeatureSchema | undefined
  /** How to treat names that the schema lacks; absent = refuse. */
  readonly unknown?: 'refuse' | 'ignore' | undefined
  /** Widths of the hidden layers, first to last. Without any, the model is linear. */
  readonly hidden?: readonly number[] | undefined
  /** False: the head reads the last hidden layer without the inputs beside it. No effect without hidden layers. */
  readonly shortcut?: boolean | undefined
  /** False: numbers stay unchanged, which suits embeddings from elsewhere. */
  readonly standardise?: boolean | undefined
  /** Pieces into which each number is also encoded, so that a linear map of them can bend; absent = 0. */
  readonly bins?: number | undefined
  /** Events after which the recent statistics have forgotten; absent or 0 = no recent part. */
  readonly window?: number | undefined
  /** Columns behind those of the schema, which stay unchanged. */
  readonly blocks?: readonly Block[] | undefined
}

/** The embedding of a field by another base, and a column that says that the field is given. */
export interface Block {
  readonly field: string
  readonly width: number
  /** Of the base, and of how its embedding is scaled. */
  readonly hash: string
}

/** Raised whenever the same settings would give another output. */
const EQUATIONS = 'features/3'
/** The same of a schema with a category. */
const EQUATIONS_OF_CATEGORIES = 'features/4'
const SEED = 1

export function openFeatures(options: FeaturesOptions): Base {
  const inputs = inputsOf(options)
  const layout = layoutOf(options, inputs)
  const weights = new Map([...hiddenWeights(layout), ...spread(layout)])
  const settings = settingsOf(options, inputs, layout)
  const hash = hashBase(settings, weights)
  const { toVector } = inputs
  const columns: FeatureColumns = { layout, names: inputs.names, hashed: inputs.hashed }
  const name = nameOf(options)
  const base: Base = {
    name,
    hash,
    reads: [features],
    rows: 'values',
    isSmall: true,
    network: featuresNetwork(layout),
    weights,
    settings: JSON.stringify(settings),
    successionFrom: (before) => successionOf({ name, columns, weights }, before, reopened),
    ...(!layout.asTheyAre && { statistics: featuresStatistics(layout) }),
    encode(input: Input) {
      if (!isOf(input, features))
        throw failure('INPUT_WRONG_KIND', `the base reads features, the input holds ${input.kind}`)
      return { data: roomy(toVector(input.features), vectorSize(layout)) }
    },
  }
  columnsOfBase.set(base, columns)
  return base
}

const columnsOfBase = new WeakMap<Base, FeatureColumns>()

/** The base made from these settings, if this release still produces the same one. */
function reopened({ hash, settings }: BaseIdentity): EarlierFeatures | undefined {
  const { names, size, ...others } = JSON.parse(settings ?? '{}') as RecordedSettings
  if (others.equations !== equationsOf(others)) return undefined
  const shape = others.schema === undefined ? { size, names: names ?? undefined } : {}
  const base = openFeatures({ ...others, ...shape })
  const columns = columnsOfBase.get(base)
  return base.hash === hash && columns !== undefined ? { base, columns } : undefined
}

/** With blocks it is part of the base of that name. */
function nameOf({ blocks }: FeaturesOptions): string {
  return blocks === undefined ? 'features' : 'fields'
}

type RecordedSettings = Omit<FeaturesOptions, 'names'> & {
  readonly equations?: string
  readonly names: readonly string[] | null
}

function equationsOf({ schema = {} }: Pick<FeaturesOptions, 'schema'>): string {
  const isCategory = (field: FeatureSchema[string]) =>
    (typeof field === 'string' ? field : field.type) === 'category'
  return Object.values(schema).some(isCategory) ? EQUATIONS_OF_CATEGORIES : EQUATIONS
}

interface Inputs {
  readonly size: number
  /** Names of the numbers; undefined = a list. */
  readonly names: readonly string[] | undefined
  /** The meaning of each column after the numbers. */
  readonly hashed: readonly string[]
  readonly toVector: (features: FeaturesInput['features']) => Float32Array
}

function inputsOf({
  schema,
  unknown = 'refuse',
  blocks = [],
  ...options
}: FeaturesOptions): Inputs {
  if (schema !== undefined) {
    const declared = planSchema(schema)
    const plan = { ...declared, hashed: [...declared.hashed, ...blocks.flatMap(columnsOfBlock)] }
    const size = plan.names.length + plan.hashed.length
    return { ...plan, size, toVector: schemaVectorizer(plan, unknown) }
  }
  const { size = 0, names } = options
  invariant(Number.isSafeInteger(size) && size > 0, `a vector of ${size} features`)
  invariant(new Set(names).size === (names ?? []).length, 'names differ')
  invariant((names ?? []).length <= size, `${names?.length} names for ${size} features`)
  const width = names === undefined ? 0 : size - names.length
  const hashed = Array.from({ length: width }, (_, column) => `any ${column} of ${width}`)
  return { size, names, hashed, toVector: vectorizer(size, names) }
}

/** Under another base the columns are others. */
function columnsOfBlock({ field, width, hash }: Block): readonly string[] {
  const size = width + 1
  return Array.from({ length: size }, (_, at) => `field ${field} by ${hash} ${at} of ${size}`)
}

function layoutOf(options: FeaturesOptions, { size, names }: Inputs): FeaturesLayout {
  const { hidden = [], standardise = true, bins = 0, window: asked = 0 } = options
  const standardised = names?.length ?? size
  return {
    standardised,
    hashed: size - standardised,
    flags: names?.length ?? 0,
    asTheyAre: !standardise,
    hidden,
    window: standardise && standardised > 0 && asked > 0 ? asked : undefined,
    shortcut: options.shortcut !== false || hidden.length === 0,
    bins,
  }
}

/** Everything that the output depends on. */
function settingsOf(
  { schema, blocks }: FeaturesOptions,
  { size, names }: Inputs,
  layout: FeaturesLayout,
) {
  const { asTheyAre, shortcut, hidden, window = 0, bins } = layout
  return {
    equations: equationsOf({ schema }),
    standardise: !asTheyAre,
    ...(!shortcut && { shortcut }),
    ...{ size, names: names ?? null, hidden, window, bins },
    ...(schema !== undefined && { schema: JSON.parse(JSON.stringify(schema)) as Json }),
    ...(blocks !== undefined && { blocks: JSON.parse(JSON.stringify(blocks)) as Json }),
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

/** Followed by zeros for the columns that only the stream determines. */
function roomy(values: Float32Array, size: number): Float32Array {
  if (values.length === size) return values
  const longer = new Float32Array(size)
  longer.set(values)
  return longer
}
