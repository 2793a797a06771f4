/**
 * Which tokens may come next in a text that an expression bounds: those with bytes that all fit, and a token that ends the text where
 * the expression may end. Tokens are walked in the order of their bytes, so that tokens with a common beginning share its steps,
 * and the answer is kept for each state.
 *
 * Willard, Louf (2023), "Efficient guided generation for large language models", arXiv:2307.09702.
 */
import type { Expressions, Expression } from './expressions.ts'

/** The bytes of all tokens, one after the other; those of token i end before `offsets[i + 1]`. A token without bytes writes nothing. */
export interface TokenTable {
  readonly bytes: Uint8Array
  readonly offsets: Int32Array
  /** Tokens that end a text. */
  readonly ends: readonly number[]
}

/** A longer token is never chosen: it would be a run of one character. */
const MOST_BYTES = 32
/** States whose tokens are kept, of one schema; the oldest is dropped first. */
const KEPT_MASKS = 512

/** A bit for each token. */
export type TokenMask = Uint8Array

export class TokenOrder {
  readonly table: TokenTable
  /** Tokens with bytes, in the order of these. */
  readonly tokens: Int32Array
  /** How many bytes each has in common with the one before it. */
  readonly shared: Uint8Array

  constructor(table: TokenTable) {
    this.table = table
    const all = Array.from({ length: table.offsets.length - 1 }, (_, token) => token)
    const written = all.filter((token) => {
      const { length } = this.bytesOf(token)
      return length > 0 && length <= MOST_BYTES && !table.ends.includes(token)
    })
    const bytes = new Map(written.map((token) => [token, this.bytesOf(token)]))
    const none = new Uint8Array()
    written.sort((a, b) => Buffer.compare(bytes.get(a) ?? none, bytes.get(b) ?? none))
    this.tokens = Int32Array.from(written)
    this.shared = Uint8Array.from(written, (token, at) => {
      const before = at === 0 ? none : this.bytesOf(written[at - 1] ?? 0)
      const own = this.bytesOf(token)
      const differs = own.findIndex((byte, index) => byte !== before[index])
      return differs < 0 ? own.length : differs
    })
  }

  get size(): number {
    return this.table.offsets.length - 1
  }

  bytesOf(token: number): Uint8Array {
    const { bytes, offsets } = this.table
    return bytes.subarray(offsets[token], offsets[token + 1])
  }
}

/** The states of the texts of one schema. */
export class TokenMasks {
  readonly #of: Expressions
  readonly #order: TokenOrder
  readonly #kept = new Map<Expression, TokenMask>()

  constructor(of: Expressions, order: TokenOrder) {
    this.#of = of
    this.#order = order
  }

  maskOf(state: Expression): TokenMask {
    const key = this.#of.within(state, MOST_BYTES)
    const known = this.#kept.get(key)
    if (known !== undefined) return known
    const mask = this.#made(key)
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size >= KEPT_MASKS) this.#kept.delete(oldest)
    this.#kept.set(key, mask)
    return mask
  }

  after(state: Expression, token: number): Expression {
    return this.#order.bytesOf(token).reduce((at, byte) => this.#of.after(at, byte), state)
  }

  #made(state: Expression): TokenMask {
    const { tokens, shared, table, size } = this.#order
    const { bytes, offsets } = table
    const mask = new Uint8Array(Math.ceil(size / 8))
    const set = (token: number) => (mask[token >> 3] = (mask[token >> 3] ?? 0) | (1 << (token & 7)))
    if (state.isNullable) for (const end of table.ends) set(end)
    const { nothing } = this.#of
    /** The state behind each byte of the token before, as far as it fits: `depth` of them. */
    const path: Expression[] = [state]
    let depth = 0
    for (let at = 0; at < tokens.length; at += 1) {
      const common = shared[at] ?? 0
      // It begins like one that did not fit, further than that fitted.
      if (common > depth) continue
      depth = common
      const token = tokens[at] ?? 0
      const from = offsets[token] ?? 0
      const length = (offsets[token + 1] ?? 0) - from
      while (depth < length) {
        const next = this.#of.after(path[depth] ?? state, bytes[from + depth] ?? 0)
        if (next === nothing) break
        depth += 1
        path[depth] = next
      }
      if (depth === length) set(token)
    }
    // A vocabulary may lack some bytes: then the text ends, and the check of the answer finds that it does not fit.
    if (mask.every((bits) => bits === 0)) for (const end of table.ends) set(end)
    return mask
  }
}

export function allows(mask: TokenMask, token: number): boolean {
  return ((mask[token >> 3] ?? 0) & (1 << (token & 7))) !== 0
}
