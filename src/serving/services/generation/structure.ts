/** The schema that bounds the texts of a request: read before a token is written, so that what it cannot hold to is refused. */
import { failure } from '../../../platform/errors.ts'
import { Expressions } from '../../../nn/structured/expressions.ts'
import { boundExpression, SchemaUnsupported } from '../../../nn/structured/json-schema.ts'
import type { TextOptions } from './contract.ts'

export interface Structure {
  /** The JSON of its bounds. */
  readonly bounds: string
  fits(text: string): boolean
}

/** A larger one is a document of its own. */
const MOST_CHARACTERS = 32_768

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
  const of = new Expressions()
  try {
    const start = boundExpression(of, bounds)
    return { bounds: text, fits: (answer) => of.matches(start, answer) }
  } catch (error) {
    if (error instanceof SchemaUnsupported) throw unsupported(param, error.message)
    throw error
  }
}

function unsupported(param: string, why: string): Error {
  const fix = 'ask for what the schema can hold to, and check the rest of the answer yourself'
  return failure('PARAMETER_UNSUPPORTED', `${param} is not supported: ${why}`, {
    details: { param },
    fix,
  })
}
