/** The texts of a thread that a JSON Schema bounds: how far each is in its schema, and which tokens may come next. */
import { invariant } from '../../../platform/errors.ts'
import { Expressions, type Expression } from '../../structured/expressions.ts'
import { boundExpression, type TextBounds } from '../../structured/json-schema.ts'
import {
  TokenMasks,
  TokenOrder,
  type TokenMask,
  type TokenTable,
} from '../../structured/token-masks.ts'

/** Schemas with kept states; the one that was begun longest ago is dropped first. */
const KEPT_SCHEMAS = 16

interface OpenSchema {
  readonly start: Expression
  readonly masks: TokenMasks
}

export class StructuredTexts {
  #order: TokenOrder | undefined
  readonly #schemas = new Map<string, OpenSchema>()
  readonly #texts = new Map<number, { readonly schema: OpenSchema; readonly state: Expression }>()

  /** The tokens of all texts; before the first of them. */
  read(table: TokenTable): void {
    this.#order = new TokenOrder(table)
  }

  /** `bounds`: the JSON of `TextBounds`. */
  begin(sequence: number, bounds: string): void {
    const schema = this.#schemas.get(bounds) ?? this.#opened(JSON.parse(bounds) as TextBounds)
    this.#schemas.delete(bounds)
    this.#schemas.set(bounds, schema)
    const [oldest] = this.#schemas.keys()
    if (oldest !== undefined && this.#schemas.size > KEPT_SCHEMAS) this.#schemas.delete(oldest)
    this.#texts.set(sequence, { schema, state: schema.start })
  }

  /** Undefined: any token. Where none goes on, because a vocabulary lacks some bytes, those that end a text. */
  maskOf(sequence: number): TokenMask | undefined {
    const text = this.#texts.get(sequence)
    if (text === undefined) return undefined
    return text.schema.masks.maskOf(text.state)
  }

  write(sequence: number, token: number): void {
    const text = this.#texts.get(sequence)
    if (text === undefined) return
    const { schema, state } = text
    this.#texts.set(sequence, { schema, state: schema.masks.after(state, token) })
  }

  end(sequence: number): void {
    this.#texts.delete(sequence)
  }

  #opened(bounds: TextBounds): OpenSchema {
    invariant(this.#order, 'a schema before the tokens')
    const of = new Expressions()
    return { start: boundExpression(of, bounds), masks: new TokenMasks(of, this.#order) }
  }
}
