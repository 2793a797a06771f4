/**
 * Several fields of one thing, such as a claim with an amount, a note and a photo: numbers, categories and booleans as
 * they stand, a text as a string, and a value of another kind under the name of that kind:
 * `{ amount: 120, note: 'a dent', photo: { image: … } }`. A field that is absent or null is missing.
 *
 * A base says which fields it reads, and as what: then names, kinds and required fields are checked here, on arrival.
 */
import type { Json } from '../../contracts/core.ts'
import type { FieldFacts, InputKind, PayloadLimits } from '../../contracts/payload.ts'
import { nearest } from '../../platform/nearest.ts'
import { isVisible } from '../../platform/visible-text.ts'
import { below, isObject, refuse } from '../reading.ts'
import { type FeatureLimits, readFeature } from './features.ts'
import { image } from './image.ts'
import { text } from './text.ts'

type FieldValue = number | string | boolean | Readonly<Record<string, Json>>

export type FieldsInput = Readonly<{
  kind: 'fields'
  /** A name that is absent is missing. */
  fields: Readonly<Record<string, FieldValue>>
}>

type Scalar = 'number' | 'category' | 'boolean'

/** What a base reads under a name: a value of a table, or one of these kinds. */
export interface DeclaredField {
  readonly reads: Scalar | readonly InputKind[]
  /** Values of a table that mean missing. */
  readonly missing: readonly (number | string)[]
  readonly isRequired: boolean
}

type FieldLimits = FeatureLimits & PayloadLimits

const NAME = 'fields'
/** A field of no known base is a text or a picture, or a value of a table. */
const usual: readonly InputKind[] = [text, image]

export const fields: InputKind<FieldsInput> = {
  ...shared([image]),
  read: (value, limits: FieldLimits, pointer) =>
    readAll(value, limits, pointer, (_name, item, place) => readAny(item, limits, place)),
  schema: ({ features: most }: FieldLimits) => ({
    type: 'object',
    minProperties: 1,
    maxProperties: most,
  }),
  example: { amount: 120, text: 'what a lovely phone' },
}

/** The kind as a base reads it that declares its fields. */
export function fieldsOf(
  declared: Readonly<Record<string, DeclaredField>>,
  unknown: 'refuse' | 'ignore',
): InputKind<FieldsInput> {
  const names = Object.keys(declared)
  const required = names.filter((name) => declared[name]?.isRequired === true)
  const kindsOf = ({ reads }: DeclaredField) => (typeof reads === 'string' ? [] : reads)
  const each = <Value>(of: (field: DeclaredField) => Value) =>
    Object.fromEntries(Object.entries(declared).map(([name, field]) => [name, of(field)]))
  return {
    ...shared(Object.values(declared).flatMap((field) => kindsOf(field).slice(0, 1))),
    fields: each(factsOf),
    example: each(exampleOf),
    read(value, limits: FieldLimits, pointer) {
      const input = readAll(value, limits, pointer, (name, item, place) => {
        const field = Object.hasOwn(declared, name) ? declared[name] : undefined
        if (field !== undefined) return readDeclared(item, field, limits, place)
        if (unknown === 'refuse') throw unknownField(name, names, place)
        return undefined
      })
      const absent = required.find((name) => !Object.hasOwn(input.fields, name))
      if (absent !== undefined)
        throw refuse(
          'FIELD_MISSING',
          below(pointer, absent),
          'is missing, and the base requires it',
        )
      return input
    },
    schema: (limits) => ({
      ...{ type: 'object', minProperties: 1, required },
      properties: each((field) => schemaOf(field, limits)),
      ...(unknown === 'refuse' && { additionalProperties: false }),
    }),
  }
}

/** `large`: kinds that stand in it, for the room that they need together. */
function shared(large: readonly InputKind[]) {
  const needs = (limits: PayloadLimits) =>
    large.reduce((sum, kind) => sum + (kind.bytes?.(limits) ?? 0), 0)
  return {
    name: NAME,
    summary:
      'several fields of one thing by name: values of a table, a text, a picture as {"image": …}',
    flags: {
      fields: {
        description: 'or fields: {"amount": 3, "note": "a dent", "photo": {"image": "…"}}',
        as: 'json' as const,
      },
    },
    ...(large.some((kind) => kind.bytes !== undefined) && { bytes: needs }),
  }
}

function readAll(
  value: Json,
  limits: FieldLimits,
  pointer: string,
  readOne: (name: string, item: Json, place: string) => FieldValue | undefined,
): FieldsInput {
  if (!isObject(value)) throw refuse('FIELDS_INVALID', pointer, 'an object of fields')
  const entries = Object.entries(value).filter(([, item]) => item !== null)
  const most = limits.features
  if (entries.length > most)
    throw refuse('INPUT_TOO_LONG', pointer, `${entries.length} fields, at most ${most}`)
  const read = entries.flatMap(([name, item]) => {
    const taken = readOne(name, item, below(pointer, name))
    return taken === undefined ? [] : [[name, taken] as const]
  })
  if (read.length === 0)
    throw refuse('INPUT_EMPTY', pointer, 'all fields are missing', 'send at least one field')
  return { kind: NAME, fields: Object.fromEntries(read) }
}

function readAny(item: Json, limits: FieldLimits, place: string): FieldValue | undefined {
  if (typeof item === 'string') return readText(item, text, limits, place)
  return isObject(item) ? readNested(item, usual, limits, place) : readFeature(item, limits, place)
}

function readDeclared(
  item: Json,
  { reads, missing }: DeclaredField,
  limits: FieldLimits,
  place: string,
): FieldValue | undefined {
  if (typeof reads === 'string') {
    if (missing.some((value) => value === item)) return undefined
    if (!scalars[reads](item)) throw wrongKind(place, `a ${reads}`)
    return readFeature(item, limits, place)
  }
  const plain = reads.find(({ name }) => name === text.name)
  if (typeof item === 'string' && plain !== undefined) return readText(item, plain, limits, place)
  if (!isObject(item)) throw wrongKind(place, reads.map(formOf).join(' or '))
  return readNested(item, reads, limits, place)
}

/** `{ image: … }`: below the one name of a kind. A text becomes the plain string. */
function readNested(
  item: Readonly<Record<string, Json>>,
  kinds: readonly InputKind[],
  limits: PayloadLimits,
  place: string,
): FieldValue {
  const [key = '', ...more] = Object.keys(item)
  const kind = kinds.find(({ name }) => name === key)
  const value = item[key]
  if (kind === undefined || value === undefined || value === null || more.length > 0)
    throw wrongKind(place, kinds.map(formOf).join(' or '))
  const read = kind.read(value, limits, below(place, key))
  if (key === text.name) return stringIn(read)
  return { [key]: read[key] ?? null }
}

const scalars: Readonly<Record<Scalar, (item: Json) => boolean>> = {
  number: (item) => typeof item === 'number',
  boolean: (item) => typeof item === 'boolean' || item === 0 || item === 1,
  category: (item) => ['string', 'number', 'boolean'].includes(typeof item),
}

/** A text without a visible character is missing: tables are exported with empty cells. */
function readText(
  item: string,
  kind: InputKind,
  limits: PayloadLimits,
  place: string,
): string | undefined {
  return isVisible(item) ? stringIn(kind.read(item, limits, place)) : undefined
}

function stringIn(read: Readonly<Record<string, Json>>): string {
  const value = read[text.name]
  return typeof value === 'string' ? value : ''
}

function wrongKind(place: string, what: string): Error {
  return refuse('FIELD_WRONG_KIND', place, `must be ${what}`)
}

function unknownField(name: string, known: readonly string[], place: string): Error {
  const near = nearest(name, known)
  const hint = near === undefined ? `known: ${known.join(', ')}` : `did you mean "${near}"?`
  return refuse('FIELD_UNKNOWN', place, `the base has no such field; ${hint}`)
}

function formOf({ name }: InputKind): string {
  return name === text.name ? 'a text' : `{ "${name}": … }`
}

function factsOf({ reads, isRequired }: DeclaredField): FieldFacts {
  const required = isRequired && { required: true as const }
  if (typeof reads === 'string') return { kind: reads, ...required }
  const [kind = text] = reads
  return { kind: kind.name, ...required, ...(kind.files && { files: kind.files }) }
}

function exampleOf({ reads }: DeclaredField): Json {
  if (reads === 'boolean') return true
  if (typeof reads === 'string') return reads === 'category' ? 'acme' : 0.5
  const [kind = text] = reads
  return kind.name === text.name ? kind.example : { [kind.name]: kind.example }
}

function schemaOf({ reads }: DeclaredField, limits: PayloadLimits): object {
  if (typeof reads === 'string') return { type: ['number', 'string', 'boolean', 'null'] }
  const named = reads.map((kind) => ({
    ...{ type: 'object', properties: { [kind.name]: kind.schema(limits) } },
    ...{ required: [kind.name], additionalProperties: false },
  }))
  const plain = reads.flatMap((kind) => (kind.name === text.name ? [kind.schema(limits)] : []))
  return { anyOf: [{ type: 'null' }, ...plain, ...named] }
}
