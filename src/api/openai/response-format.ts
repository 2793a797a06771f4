/**
 * `response_format`: a language model writes JSON in a given schema, token by token. A classifier answers with JSON in a given schema, if each of its answers fits. The schema is an object with one
 * property, an `enum` or `const` of texts, as the clients make it of an enumeration in Zod or Pydantic.
 */
import { Type } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { Message } from '../../contracts/task-view.ts'
import type { TextOptions } from '../../serving/services/generation/contract.ts'
import { unsupported } from './parameters.ts'
import { isObject, schemaNotes, type JsonObject } from '../../payloads/reading.ts'

const Strict = { additionalProperties: false }

export const ResponseFormat = Type.Object(
  {
    type: Type.String({ description: 'text, json_schema or, of a language model, json_object' }),
    json_schema: Type.Optional(
      Type.Object(
        {
          name: Type.Optional(Type.String()),
          description: Type.Optional(Type.String()),
          schema: Type.Optional(Type.Unsafe<Json>({ type: 'object' })),
          strict: Type.Optional(Type.Unsafe<Json>({ type: ['boolean', 'null'] })),
        },
        Strict,
      ),
    ),
  },
  Strict,
)

export interface WantedFormat {
  readonly type: string
  readonly json_schema?: { readonly schema?: Json }
}

/** Of a language model. Undefined: the answer is a text. */
export function structureIn(format: WantedFormat | null | undefined): TextOptions['structure'] {
  if (format === null || format === undefined || format.type === 'text') return undefined
  if (format.type === 'json_object')
    return { schema: { type: 'object' }, param: 'response_format.type' }
  const { schema } = format.json_schema ?? {}
  if (format.type !== 'json_schema')
    throw unsupported('response_format.type', 'it may be text, json_object or json_schema')
  if (schema === undefined) throw unsupported('response_format.json_schema', 'it has no schema')
  return { schema, param: 'response_format.json_schema' }
}

/** The JSON around an answer: `{"mood":` and `}`. */
export interface Envelope {
  readonly start: string
  readonly end: string
}

/** Undefined: the answer is a text. */
export function envelopeIn(format: WantedFormat | null | undefined): EnvelopeOf | undefined {
  if (format === null || format === undefined || format.type === 'text') return undefined
  if (format.type !== 'json_schema')
    throw unsupported('response_format.type', 'it may be text, or json_schema for a classifier')
  const root = format.json_schema?.schema
  const schema = isObject(root) ? root : {}
  const [property, ...others] = Object.entries(isObject(schema.properties) ? schema.properties : {})
  if (schema.type !== 'object' || property === undefined || others.length > 0)
    throw misfit('it is an object with one property')
  const [name, value] = property
  refuseOthers(
    schema,
    ['type', 'properties', 'required', 'additionalProperties', ...schemaNotes],
    '',
  )
  if ([schema.required ?? name].flat().some((each) => each !== name))
    throw misfit('it requires its property alone')
  const values = valuesOf(resolved(schema, value), name)
  const envelope = { start: `{${JSON.stringify(name)}:`, end: '}' }
  return (message) => {
    const answers = Object.keys(message.likelihoods ?? {})
    const missing = answers.find((text) => !values.has(text))
    if (missing !== undefined || answers.length === 0)
      throw misfit(
        missing === undefined
          ? 'this model has no set of answers yet'
          : `the model may answer ${JSON.stringify(missing)}, which ${name} does not allow`,
      )
    return envelope
  }
}

/** Throws if an answer of the model would not fit. */
export type EnvelopeOf = (message: Message) => Envelope

function valuesOf(schema: JsonObject, name: string): ReadonlySet<Json> {
  refuseOthers(schema, ['type', 'enum', 'const', ...schemaNotes], ` of ${name}`)
  const { enum: choices = [schema.const ?? null], const: only } = schema
  if (!Array.isArray(choices) || (schema.type ?? 'string') !== 'string')
    throw misfit(`${name} is an enum of texts`)
  const values = choices as readonly Json[]
  return new Set(values.filter((value) => only === undefined || value === only))
}

/** Pydantic puts an enumeration under `$defs`; with a description, in an `allOf` of one. */
function resolved(root: JsonObject, value: Json): JsonObject {
  const schema = isObject(value) ? value : {}
  const { allOf, ...beside } = schema
  if (Array.isArray(allOf) && allOf.length === 1)
    return { ...beside, ...resolved(root, (allOf as readonly Json[])[0] ?? {}) }
  const { $ref, ...more } = schema
  if (typeof $ref !== 'string') return schema
  const [, group = '', name = ''] = /^#\/(\$defs|definitions)\/([^/]+)$/.exec($ref) ?? []
  const table = Object.hasOwn(root, group) ? root[group] : undefined
  const found = isObject(table) && Object.hasOwn(table, name) ? table[name] : undefined
  if (!isObject(found)) throw misfit(`${$ref} is not in its $defs`)
  return { ...more, ...found }
}

function refuseOthers(schema: JsonObject, known: readonly string[], whose: string): void {
  const other = Object.keys(schema).find((word) => !known.includes(word))
  if (other !== undefined) throw misfit(`the word ${other}${whose} is not`)
}

function misfit(why: string): Error {
  return unsupported('response_format.json_schema', why)
}
