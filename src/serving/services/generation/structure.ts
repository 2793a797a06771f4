/** The schema that bounds the texts of a request: read before a token is written, so that what it cannot hold to is refused. */
import { failure } from '../../../platform/errors.ts'
import { eventLoop } from '../../../platform/slices.ts'
import { Expressions } from '../../../nn/structured/expressions.ts'
import { boundExpression, SchemaUnsupported } from '../../../nn/structured/json-schema.ts'
import type { TextOptions } from './contract.ts'

export interface Structure {
  /** The JSON of its bounds. */
  readonly bounds: string
  fits(text: string): Promise<boolean>
  /** Throws if a text that ended by itself does not fit: the base has no token for what had to come. */
  check(text: string): Promise<void>
}

/** Bytes of an answer that are compared at once. */
const BLOCK = 64
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
  const of = new Expressions()
  try {
    const start = boundExpression(of, bounds)
    const fits = async (answer: string) => {
      let state = start
      await eventLoop.each(blocksOf(Buffer.from(answer)), (block) => {
        for (const byte of block) state = of.after(state, byte)
      })
      return state.isNullable
    }
    const check = async (answer: string) => {
      if (await fits(answer)) return
      throw unsupported(param, 'the base has no token for what the schema asks')
    }
    return { bounds: text, fits, check }
  } catch (error) {
    if (error instanceof SchemaUnsupported) throw unsupported(param, error.message)
    throw error
  }
}

function blocksOf(bytes: Uint8Array): readonly Uint8Array[] {
  const count = Math.ceil(bytes.length / BLOCK)
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * BLOCK, (at + 1) * BLOCK))
}

function unsupported(param: string, why: string): Error {
  const fix = 'ask for what the schema can hold to, and check the rest of the answer yourself'
  return failure('PARAMETER_UNSUPPORTED', `${param} is not supported: ${why}`, {
    details: { param },
    fix,
  })
}
