/**
 * The schema that bounds the texts of a request: read before a token is written, so that what it cannot hold to is refused. Whether
 * an answer fits is for a validator to say that has nothing in common with the expression from which the tokens were chosen.
 */
import { Ajv, type AnySchema, type ValidateFunction } from 'ajv'
import { failure } from '../../../platform/errors.ts'
import { Expressions } from '../../../nn/structured/expressions.ts'
import { boundExpression, SchemaUnsupported } from '../../../nn/structured/json-schema.ts'
import type { TextOptions } from './contract.ts'

export interface Structure {
  /** The JSON of its bounds. */
  readonly bounds: string
  fits(text: string): boolean
  /** Throws if a text that ended by itself does not fit: the base has no token for what had to come. */
  check(text: string): void
}

/** A larger one is a document of its own. */
const MOST_CHARACTERS = 16_384

/** Throws `PARAMETER_UNSUPPORTED`. */
export function structureOf({ structure }: TextOptions): Structure | undefined {
  if (structure === undefined) return undefined
  const { param, ...bounds } = structure
  const text = JSON.stringify(bounds)
  if (text.length > MOST_CHARACTERS)
    throw unsupported(
      param,
      `the schema has ${text.length} characters, more than ${MOST_CHARACTERS}`,
    )
  try {
    boundExpression(new Expressions(), bounds)
    const validate = validatorOf(JSON.stringify(bounds.schema))
    const fits = (answer: string) =>
      (bounds.orText === true && !answer.startsWith('{')) || isValid(validate, answer)
    const check = (answer: string) => {
      if (fits(answer)) return
      throw unsupported(param, 'the base has no token for what the schema asks')
    }
    return { bounds: text, fits, check }
  } catch (error) {
    if (error instanceof SchemaUnsupported) throw unsupported(param, error.message)
    throw error
  }
}

/** Of the schemas asked for last: to compile one takes some milliseconds. */
const validators = new Map<string, ValidateFunction>()
const MOST_KNOWN = 64

/** Throws `SchemaUnsupported`. */
function validatorOf(schema: string): ValidateFunction {
  const known = validators.get(schema) ?? compiled(schema)
  validators.delete(schema)
  validators.set(schema, known)
  const [oldest] = validators.keys()
  if (oldest !== undefined && validators.size > MOST_KNOWN) validators.delete(oldest)
  return known
}

function compiled(schema: string): ValidateFunction {
  const options = { strict: false, meta: false, validateSchema: false, logger: false } as const
  try {
    return new Ajv({ ...options, code: { optimize: false } }).compile(
      JSON.parse(schema) as AnySchema,
    )
  } catch (cause) {
    throw new SchemaUnsupported('#: it does not compile', { cause })
  }
}

function isValid(validate: ValidateFunction, answer: string): boolean {
  try {
    return validate(JSON.parse(answer))
  } catch {
    return false
  }
}

function unsupported(param: string, why: string): Error {
  const fix = 'ask for what the schema can hold to, and check the rest of the answer yourself'
  return failure('PARAMETER_UNSUPPORTED', `${param} is not supported: ${why}`, {
    details: { param },
    fix,
  })
}
