/**
 * Several fields of one thing: a table, and fields that other bases read, such as a note and a photo. Their embeddings are columns
 * beside those of the table, and a column says of each that it is given:
 *
 *   row = [numbers | categories | s·e₁ | given₁ | s·e₂ | given₂ | …]        eᵢ of unit length, 0 if the field is missing
 *
 * What stands on it is the network of `features`: hidden layers bend all columns together, and without any the model is linear.
 * The other bases are frozen, and an input goes through each of them once, before it is encoded.
 */
import { createHash } from 'node:crypto'
import type { Base } from '../../contracts/base.ts'
import { CodedError, type Json } from '../../contracts/core.ts'
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow } from '../../contracts/network.ts'
import { isOf } from '../../contracts/payload.ts'
import { type DeclaredField, fieldsOf, type FieldsInput } from '../../payloads/inputs/fields.ts'
import { failure, invariant, withDetails } from '../../platform/errors.ts'
import { text } from '../../payloads/inputs/text.ts'
import { type FeaturesOptions, openFeatures } from '../features/features.ts'
import { columnsOf, type FeatureSchema } from '../features/schema.ts'
import { FrozenEncoder } from '../frozen-encoder.ts'
import { PreparedInputs } from '../prepared-inputs.ts'

export interface FieldsOptions extends Omit<FeaturesOptions, 'size' | 'names' | 'blocks'> {
  /** By the name of the field. */
  readonly bases: Readonly<Record<string, Base>>
  readonly required?: readonly string[] | undefined
}

/** The length of an embedding among columns of deviation 1. Half of it answered as well on made rows. */
const SCALE = 4

interface FieldBlock {
  readonly field: string
  readonly encoder: FrozenEncoder
  /** Where its columns begin; the last one says that the field is given. */
  readonly at: number
  readonly width: number
}

export function openFields({ bases, required = [], ...options }: FieldsOptions): Base {
  const { schema = {}, unknown = 'refuse' } = options
  let at = columnsOf(schema)
  const blocks = Object.entries(bases).map(([field, base]): FieldBlock => {
    const { width } = base.network
    const block = { field, encoder: new FrozenEncoder(base), at, width }
    at += width + 1
    return block
  })
  const { isSmall: _takesTime, ...table } = openFeatures({
    ...options,
    schema,
    blocks: blocks.map(({ field, width, encoder: { base } }) => ({
      ...{ field, width },
      hash: createHash('sha256').update(`${base.hash} × ${SCALE}`).digest('hex').slice(0, 16),
    })),
  })
  const declared = { ...tableFields(schema, required), ...encodedFields(bases, required) }
  const rows = new PreparedInputs(async (input, maxTokens, signal) => {
    if (!isOf(input, kind)) throw wrongKind(input)
    return rowOf(input, { table, blocks, schema, signal }, maxTokens)
  })
  const kind = fieldsOf(declared, unknown)
  return {
    ...table,
    reads: [kind],
    prepare: (input, maxTokens, signal) => rows.prepare(input, maxTokens, signal),
    encode(input) {
      const row = rows.of(input)
      if (row === undefined && !isOf(input, kind)) throw wrongKind(input)
      invariant(row, 'fields are prepared before they are encoded')
      return row
    },
  }
}

function wrongKind({ kind }: Input): Error {
  return failure('INPUT_WRONG_KIND', `the base reads fields, the input holds ${kind}`)
}

function tableFields(schema: FeatureSchema, required: readonly string[]) {
  return Object.fromEntries(
    Object.entries(schema).map(([name, declared]): [string, DeclaredField] => {
      const { type, missing = [] } = typeof declared === 'string' ? { type: declared } : declared
      return [name, { reads: type, missing, isRequired: required.includes(name) }]
    }),
  )
}

function encodedFields(bases: FieldsOptions['bases'], required: readonly string[]) {
  return Object.fromEntries(
    Object.entries(bases).map(([name, { reads }]): [string, DeclaredField] => {
      return [name, { reads, missing: [], isRequired: required.includes(name) }]
    }),
  )
}

interface RowParts {
  readonly table: Pick<Base, 'encode'>
  readonly blocks: readonly FieldBlock[]
  readonly schema: FeatureSchema
  readonly signal: AbortSignal
}

async function rowOf(
  { fields }: FieldsInput,
  { table, blocks, schema, signal }: RowParts,
  maxTokens: number,
): Promise<EncodedRow> {
  const values = Object.entries(fields).filter(([name]) => Object.hasOwn(schema, name))
  const features: Json = Object.fromEntries(values)
  const { data } = table.encode({ kind: 'features', features }, maxTokens)
  let [kept, dropped] = [0, 0]
  const found = await Promise.allSettled(
    blocks.map(async ({ field, encoder }) => {
      const value = Object.hasOwn(fields, field) ? fields[field] : undefined
      return value === undefined ? undefined : encoder.embed(partOf(value), maxTokens, signal)
    }),
  )
  for (const [at, { field, ...block }] of blocks.entries()) {
    const outcome = found[at]
    if (outcome?.status === 'rejected') throw inField(field, outcome.reason)
    const embedding = outcome?.value
    if (embedding === undefined) continue
    data.set(
      embedding.vector.map((x) => SCALE * x),
      block.at,
    )
    data[block.at + block.width] = 1
    kept += embedding.tokens?.kept ?? 0
    dropped += embedding.tokens?.dropped ?? 0
  }
  return { data, ...(dropped > 0 && { kept, dropped }) }
}

/** As the base of its field reads it: a string is a text, an object the value below the name of its kind. */
function partOf(value: FieldsInput['fields'][string]): Input {
  if (typeof value !== 'object') return { kind: text.name, [text.name]: value }
  const [name = ''] = Object.keys(value)
  return { kind: name, ...value }
}

function inField(field: string, error: unknown): unknown {
  if (!(error instanceof CodedError)) return error
  return withDetails(error, { field }, `${field}: ${error.message}`)
}
