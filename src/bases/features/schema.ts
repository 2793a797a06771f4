/**
 * A declared schema: the features, their types, and the values that mean missing. Numbers and booleans have one column
 * each; a category has a separate block that its values are hashed to, so that adding a feature moves no other:
 *
 *   v[block + hᵢ(value)] = ξᵢ(value) / √2,  i = 1, 2,  h₁ ≠ h₂      indicator: v[place] = 1 where the feature is missing
 *
 * Two values in the same columns with the same signs are one value. Of twenty values in 32 columns, two are in 9 of 100 models; with
 * one column to a value they would be in 97 (Svenstrup et al. 2017, "Hash embeddings for efficient word representations").
 *
 * A missing number counts as the mean (its standardised value is 0), a missing category as none of its values.
 */
import type { FeaturesInput } from '../../payloads/inputs/features.ts'
import { failure } from '../../platform/errors.ts'
import { nearest } from '../../platform/nearest.ts'

interface FeatureField {
  readonly type: 'number' | 'category' | 'boolean'
  /** Values that mean missing, besides null and absence. */
  readonly missing?: readonly (number | string)[] | undefined
  /** Whether the head also gets a column that says it is missing. */
  readonly indicator?: boolean | undefined
  /** For a category; absent = 32. */
  readonly columns?: number | undefined
}

export type FeatureSchema = Readonly<Record<string, FeatureField['type'] | FeatureField>>

/** Where the parts of one feature are in a vector. */
interface Place {
  readonly name: string
  readonly field: FeatureField
  /** Its number, or the first of its block. */
  readonly at: number
  readonly indicatorAt: number | undefined
}

interface SchemaPlan {
  /** Names of numbers and booleans, in order. */
  readonly names: readonly string[]
  /** The meaning of each column after the numbers. */
  readonly hashed: readonly string[]
  readonly places: readonly Place[]
}

function fieldsOf(schema: FeatureSchema): readonly (readonly [string, FeatureField])[] {
  return Object.entries(schema).map(([name, field]) => [
    name,
    typeof field === 'string' ? { type: field } : field,
  ])
}

export function planSchema(schema: FeatureSchema): SchemaPlan {
  const fields = fieldsOf(schema)
  const names = fields.filter(([, { type }]) => type !== 'category').map(([name]) => name)
  const hashed: string[] = []
  const behind = (what: string) => names.length + hashed.push(what) - 1
  const places = fields.map(([name, field]): Place => {
    const { type, columns = CATEGORY_COLUMNS } = field
    const at = type === 'category' ? names.length + hashed.length : names.indexOf(name)
    for (let column = 0; type === 'category' && column < columns; column += 1)
      behind(`category ${name} ${column} of ${columns}`)
    const indicatorAt = field.indicator === true ? behind(`indicator ${name}`) : undefined
    return { name, field, at, indicatorAt }
  })
  return { names, hashed, places }
}

type Features = FeaturesInput['features']
type Value = number | string | boolean

/** [numbers | the other columns | which numbers were given] */
export function schemaVectorizer(
  { names, hashed, places }: SchemaPlan,
  unknown: 'refuse' | 'ignore',
): (features: Features) => Float32Array {
  const size = names.length + hashed.length
  const known = new Set(places.map(({ name }) => name))
  return (features) => {
    if (isList(features))
      throw invalid('base.features.schema declares names: send { name: value }, not a list')
    if (unknown === 'refuse') checkNames(features, known)
    const values = new Float32Array(size + names.length)
    for (const place of places) {
      const value = Object.hasOwn(features, place.name) ? features[place.name] : undefined
      if (value !== undefined && !isMissing(value, place.field)) put(values, place, value, size)
      else if (place.indicatorAt !== undefined) values[place.indicatorAt] = 1
    }
    return values
  }
}

function checkNames(features: object, known: ReadonlySet<string>): void {
  for (const name of Object.keys(features)) {
    if (known.has(name)) continue
    const near = nearest(name, [...known])
    const hint = near === undefined ? '' : `; did you mean "${near}"?`
    throw failure('FEATURE_UNKNOWN', `base.features.schema has no feature "${name}"${hint}`, {
      details: { feature: name },
    })
  }
}

function isMissing(value: Value, { missing }: FeatureField): boolean {
  return missing !== undefined && typeof value !== 'boolean' && missing.includes(value)
}

function put(values: Float32Array, place: Place, value: Value, size: number): void {
  const { name, field, at } = place
  if (field.type === 'category') {
    putCategory(values, at, field.columns, `${name}\0${String(value)}`)
    return
  }
  values[at] = field.type === 'boolean' ? booleanOf(value, name) : numberOf(value, name)
  values[size + at] = 1
}

function putCategory(
  values: Float32Array,
  at: number,
  columns = CATEGORY_COLUMNS,
  text: string,
): void {
  const [one, other] = [hashOf(text), hashOf(`${text}\0`)]
  const first = (one >>> 1) % columns
  if (columns === 1) values[at] = signOf(one)
  else {
    const second = (first + 1 + ((other >>> 1) % (columns - 1))) % columns
    values[at + first] = signOf(one) * Math.SQRT1_2
    values[at + second] = signOf(other) * Math.SQRT1_2
  }
}

function signOf(hash: number): number {
  return hash & 1 ? 1 : -1
}

function numberOf(value: Value, name: string): number {
  if (typeof value === 'number' && Number.isFinite(Math.fround(value))) return value
  throw invalid(`"${name}" is declared a number, but the value is ${JSON.stringify(value)}`, name)
}

function booleanOf(value: Value, name: string): number {
  if (value === true || value === 1) return 1
  if (value === false || value === 0) return 0
  throw invalid(`"${name}" is declared a boolean, but the value is ${JSON.stringify(value)}`, name)
}

function isList(features: Features): features is readonly number[] {
  return Array.isArray(features)
}

function invalid(what: string, feature?: string): Error {
  return failure('FEATURES_INVALID', what, { details: feature === undefined ? {} : { feature } })
}

/** FNV-1a over the UTF-16 code units, then Murmur3's finalizer, which makes the low bits depend on all others. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * The width of vectors with a declared schema.
 *
 * For a category without a number of columns.
 */
const CATEGORY_COLUMNS = 32

type Field =
  | string
  | {
      readonly type: string
      readonly columns?: number | undefined
      readonly indicator?: boolean | undefined
    }

export function columnsOf(schema: Readonly<Record<string, Field>>): number {
  return Object.values(schema).reduce((sum, field) => sum + ofField(field), 0)
}

function ofField(field: Field): number {
  const {
    type,
    columns = CATEGORY_COLUMNS,
    indicator,
  } = typeof field === 'string' ? { type: field } : { ...field }
  return (type === 'category' ? columns : 1) + (indicator === true ? 1 : 0)
}
