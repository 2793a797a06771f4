/**
 * The baseline of spans: a piece of text is what it was most often before, one of the labels or no span. A model that does
 * not beat it has learned words and no contexts.
 *
 * Pieces are the tokens of the base, so it ignores what the base ignores, such as the case of letters. Longest first, from the
 * left.
 */
import type { EncodedRow } from '../../contracts/network.ts'
import { idsOf } from '../../payloads/rows.ts'
import type { PositionSpan } from './score.ts'
import type { SpanTarget } from './target.ts'

/** The piece that was not seen for longest leaves first. */
const MOST_PIECES = 4096
const MOST_TOKENS = 16

/** How often a piece was each label; '': none. */
type Counts = readonly (readonly [label: string, count: number])[]

export type DictionaryState = readonly (readonly [piece: string, counts: Counts])[]

export class SpanDictionary {
  /** In the order in which they were last seen. */
  readonly #pieces = new Map<string, Map<string, number>>()
  #longest = 0

  get size(): number {
    return this.#pieces.size
  }

  answer(row: EncodedRow): readonly PositionSpan[] {
    return [...this.#matches(row)].filter(({ label }) => label !== '')
  }

  learn(row: EncodedRow, { spans }: SpanTarget): void {
    const ids = idsOf(row)
    const said = spans.map(({ from = 0, to = 0, label }) => ({ from, to, label }))
    for (const { from, to } of [...this.#matches(row)])
      if (!said.some((span) => span.from === from && span.to === to))
        this.#count(pieceOf(ids, from, to), '')
    for (const { from, to, label } of said)
      if (to - from <= MOST_TOKENS) this.#count(pieceOf(ids, from, to), label)
  }

  snapshot(): DictionaryState {
    return [...this.#pieces].map(([piece, counts]) => [piece, [...counts]] as const)
  }

  restore(state: DictionaryState): void {
    this.#pieces.clear()
    this.#longest = 0
    for (const [piece, counts] of state) this.#keep(piece, new Map(counts))
  }

  /** Known pieces, longest first from the left, each with its label. */
  *#matches(row: EncodedRow): Generator<PositionSpan> {
    const ids = idsOf(row)
    let from = 0
    while (from < ids.length) {
      let to = Math.min(ids.length, from + this.#longest)
      while (to > from && !this.#pieces.has(pieceOf(ids, from, to))) to -= 1
      if (to === from) {
        from += 1
        continue
      }
      yield { from, to, label: mostOf(this.#pieces.get(pieceOf(ids, from, to))) }
      from = to
    }
  }

  #count(piece: string, label: string): void {
    const counts = this.#pieces.get(piece) ?? new Map<string, number>()
    counts.set(label, (counts.get(label) ?? 0) + 1)
    this.#pieces.delete(piece)
    this.#keep(piece, counts)
    const [oldest] = this.#pieces.keys()
    if (this.#pieces.size > MOST_PIECES && oldest !== undefined) this.#pieces.delete(oldest)
  }

  #keep(piece: string, counts: Map<string, number>): void {
    this.#pieces.set(piece, counts)
    this.#longest = Math.max(this.#longest, piece.split(' ').length)
  }
}

function pieceOf(ids: Int32Array, from: number, to: number): string {
  return ids.subarray(from, to).join(' ')
}

/** The first of equals; no span only where it is more often none. */
function mostOf(counts: ReadonlyMap<string, number> = new Map()): string {
  let best: readonly [string, number] = ['', counts.get('') ?? 0]
  for (const [label, count] of counts)
    if (label !== '' && (count > best[1] || (best[0] === '' && count === best[1])))
      best = [label, count]
  return best[0]
}
