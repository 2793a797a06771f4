/**
 * The Unigram tokenizer of XLM-R: the pieces of the largest sum of scores. Spaces are ▁, and no piece goes on behind one, so each word
 * is cut by itself and words that come again are known.
 *
 * Kudo (2018), "Subword regularization", ACL; Conneau et al. (2020), "Unsupervised cross-lingual representation learning at
 * scale", ACL.
 */
import type { E5Vocabulary } from '../../nn/containers/e5.ts'
import { offsetsOf, pieceBytes } from '../offsets.ts'

const SPACE = '▁'
/** As SentencePiece has it: an unknown character costs more than any piece. */
const UNKNOWN_COST = 10
/** Far more than any model reads of a text. */
const MOST_CHARACTERS = 16_384
const MOST_WORDS = 20_000

export class UnigramTokenizer {
  readonly #vocabulary: E5Vocabulary
  readonly #ids: ReadonlyMap<string, number>
  readonly #unknownScore: number
  /** In UTF-16 units. */
  readonly #longest: number
  readonly #words = new Map<string, readonly number[]>()

  constructor(vocabulary: E5Vocabulary) {
    const { pieces, scores } = vocabulary
    this.#vocabulary = vocabulary
    this.#ids = new Map(pieces.map((piece, id) => [piece, id]))
    this.#longest = pieces.reduce((most, { length }) => Math.max(most, length), 0)
    this.#unknownScore = scores.reduce((least, each) => Math.min(least, each), 0) - UNKNOWN_COST
  }

  encode(text: string): readonly number[] {
    const written = this.#normalised(text.slice(0, MOST_CHARACTERS))
    const spaced = ` ${written}`.replaceAll(/ +/g, SPACE)
    const words = spaced.match(/▁[^▁]*/g) ?? []
    const { unknown } = this.#vocabulary
    const ids: number[] = []
    for (const word of words)
      // A run of unknown characters is one token.
      for (const id of this.#wordIds(word))
        if (id !== unknown || ids.at(-1) !== unknown) ids.push(id)
    return ids
  }

  /** [start, end) in the text of each token, one after the other. */
  offsets(text: string, ids: ArrayLike<number>): Int32Array {
    const { unknown, pieces: names } = this.#vocabulary
    const pieces = Array.from(ids, (id) =>
      id === unknown ? undefined : pieceBytes(names[id] ?? ''),
    )
    return offsetsOf(text, pieces, {
      normalise: (part) => this.#normalised(part),
      hidesWords: false,
    })
  }

  #normalised(text: string): string {
    return Array.from(
      text.normalize('NFC'),
      (character) => this.#vocabulary.characters.get(character) ?? character,
    ).join('')
  }

  #wordIds(word: string): readonly number[] {
    const known = this.#words.get(word)
    if (known !== undefined) return known
    const ids = this.#best(word)
    if (this.#words.size >= MOST_WORDS) this.#words.clear()
    this.#words.set(word, ids)
    return ids
  }

  /** best(end) = max over start of best(start) + score(start, end) */
  #best(word: string): readonly number[] {
    const best = new Float64Array(word.length + 1).fill(-Infinity)
    const from = new Int32Array(word.length + 1)
    const pieces = new Int32Array(word.length + 1)
    best[0] = 0
    for (let start = 0; start < word.length;) {
      const width = (word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1
      const reached = best[start] ?? 0
      const last = Math.min(word.length, start + this.#longest)
      for (let end = start + width; end <= last; end += 1) {
        const id = this.#ids.get(word.slice(start, end))
        const score =
          id === undefined || id === this.#vocabulary.unknown
            ? undefined
            : this.#vocabulary.scores[id]
        const isOne = end === start + width
        if (score === undefined && !isOne) continue
        const total = reached + (score ?? this.#unknownScore)
        if (total <= (best[end] ?? 0)) continue
        best[end] = total
        from[end] = start
        pieces[end] = score === undefined ? this.#vocabulary.unknown : (id ?? 0)
      }
      start += width
    }
    const ids: number[] = []
    for (let end = word.length; end > 0; end = from[end] ?? 0) ids.push(pieces[end] ?? 0)
    return ids.reverse()
  }
}
