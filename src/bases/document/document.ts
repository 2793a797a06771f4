/**
 * Documents of many pages on a base of texts. A document is cut into parts (parts.ts), each goes through the frozen base once, to a
 * vector of unit length, and these are pooled:
 *
 *   mean        u = mean of eᵢ, at unit length
 *   max         u = the greatest of each number over all eᵢ, at unit length: what one part has is not diluted by the others
 *   attention   u = Σ aᵢ eᵢ at unit length, a = softmax(⟨W eᵢ, mean of e⟩): an adapter learns W, which begins as the mean
 *   best        none: the head answers for each eᵢ, and the greatest of each output counts, so that a label which one part has is
 *               learned of that part
 *
 * A row of the first two is the pooled vector; of the others it has all parts. A part alone is a row, too, so that the part
 * which an answer rests on is found by asking for each.
 *
 * Ilse, Tomczak and Welling (2018), "Attention-based deep multiple instance learning", ICML.
 */
import { createHash } from 'node:crypto'
import type { Base, InputPart } from '../../contracts/base.ts'
import type { Input } from '../../contracts/event.ts'
import type { EncodedRow, Network } from '../../contracts/network.ts'
import { isOf } from '../../contracts/payload.ts'
import { document, type DocumentInput } from '../../payloads/inputs/document.ts'
import { text } from '../../payloads/inputs/text.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { eventLoop } from '../../platform/slices.ts'
import { FrozenEncoder, unitOf } from '../frozen-encoder.ts'
import { PreparedInputs } from '../prepared-inputs.ts'
import { attentionNetwork, attentionWeights } from './attention.ts'
import { embeddedNetwork } from '../embedded-network.ts'
import { partsOf, type DocumentPart } from './parts.ts'

type Pool = 'mean' | 'max' | 'attention' | 'best'

/** Raised whenever the same document would give another row. */
const EQUATIONS = 'document/1'
/** A document has no more. */
export const MOST_PARTS = 4096
/** So many are embedded at once: parts of one length share a run. */
const AT_ONCE = 256

export function openDocument(of: Base, pool: Pool): Base {
  const { width } = of.network
  const encoder = new FrozenEncoder(of)
  const read = new PreparedInputs((input, maxTokens, signal) =>
    partsRead(input, { encoder, maxTokens, signal }),
  )
  const madeOf = (input: Input): readonly EmbeddedPart[] => {
    const made = read.of(input)
    if (made === undefined) checkKind(input)
    invariant(made, 'a document is prepared before it is encoded')
    return made
  }
  const weights = pool === 'attention' ? attentionWeights(width) : new Map()
  return {
    name: 'document',
    hash: createHash('sha256').update(`${EQUATIONS} ${pool} ${of.hash}`).digest('hex'),
    reads: [document],
    rows: 'values',
    weights,
    network: networkOf(pool, width),
    prepare: (input, maxTokens, signal) => read.prepare(input, maxTokens, signal),
    encode: (input) => rowOf(madeOf(input), pool, width),
    parts: (input) =>
      madeOf(input).map(({ from, to, vector }) => ({ from, to, row: { data: vector } })),
  }
}

function networkOf(pool: Pool, width: number): Network {
  if (pool === 'attention') return attentionNetwork(width)
  if (pool !== 'best') return embeddedNetwork(width)
  // Only what compares whole documents pools.
  return embeddedNetwork(width, {
    picks: 'best',
    pool: (ops, parts, mask) => ops.unit(ops.maskedMean(parts, mask)),
  })
}

interface EmbeddedPart extends Pick<InputPart, 'from' | 'to'> {
  readonly vector: Float32Array
}

interface Reading {
  readonly encoder: FrozenEncoder
  readonly maxTokens: number
  readonly signal: AbortSignal
}

async function partsRead(
  input: Input,
  { encoder, maxTokens, signal }: Reading,
): Promise<readonly EmbeddedPart[]> {
  checkKind(input)
  const whole = input.document
  const cuts = partsOf(whole, maxTokens, (part) =>
    encoder.base.encode({ kind: text.name, text: part }, maxTokens),
  )
  const cut = await all(cuts, maxTokens, signal)
  const characters = new CharacterCount(whole)
  const parts: EmbeddedPart[] = []
  for (let at = 0; at < cut.length; at += AT_ONCE) {
    signal.throwIfAborted()
    const block = cut.slice(at, at + AT_ONCE)
    const vectors = await encoder.embedRows(block.map(({ row }) => row))
    for (const [place, { from, to }] of block.entries()) {
      const vector = vectors[place]
      invariant(vector !== undefined, 'an embedding of each part')
      parts.push({ from: characters.before(from), to: characters.before(to), vector })
    }
  }
  return parts
}

/** Cutting one part is short; a hundred pages are not. A document with too many is refused before any is embedded. */
async function all(
  cuts: Iterator<DocumentPart, void>,
  maxTokens: number,
  signal: AbortSignal,
): Promise<readonly DocumentPart[]> {
  const found: DocumentPart[] = []
  for (;;) {
    signal.throwIfAborted()
    const next = await eventLoop.run(() => cuts.next())
    if (next.done === true) return found
    if (found.length === MOST_PARTS) throw tooLong(maxTokens)
    found.push(next.value)
  }
}

/** Code points before places of a text that come nearly in order. */
class CharacterCount {
  readonly #text: string
  #at = 0
  #count = 0

  constructor(text: string) {
    this.#text = text
  }

  before(unit: number): number {
    const between = this.#text.slice(Math.min(this.#at, unit), Math.max(this.#at, unit))
    const pairs = between.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0
    this.#count += Math.sign(unit - this.#at) * (between.length - pairs)
    this.#at = unit
    return this.#count
  }
}

function rowOf(parts: readonly EmbeddedPart[], pool: Pool, width: number): EncodedRow {
  if (pool === 'attention' || pool === 'best') {
    const data = new Float32Array(parts.length * width)
    for (const [at, { vector }] of parts.entries()) data.set(vector, at * width)
    return { data, positions: parts.length }
  }
  const pooled = new Float32Array(width)
  for (let column = 0; column < width; column += 1) {
    const numbers = parts.map(({ vector }) => vector[column] ?? 0)
    pooled[column] =
      pool === 'max'
        ? numbers.reduce((most, each) => Math.max(most, each), -Infinity)
        : numbers.reduce((sum, each) => sum + each, 0) / numbers.length
  }
  return { data: unitOf(pooled) }
}

function checkKind(input: Input): asserts input is DocumentInput {
  if (!isOf(input, document))
    throw failure('INPUT_WRONG_KIND', `the base reads document, the input holds ${input.kind}`)
}

function tooLong(maxTokens: number): Error {
  return failure('INPUT_TOO_LONG', `more than ${MOST_PARTS} parts of ${maxTokens} tokens`, {
    fix: 'send a shorter document, or raise max_tokens beside base',
  })
}
