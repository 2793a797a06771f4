/**
 * The SentencePiece tokenizer of USE Lite, with the algorithm of the packaged original, because its quirks decide the
 * published embedding: equal sums go to the shorter last piece; the scores of pieces with a colon are damaged (null,
 * which counts as 0; ":30" scores 30); and a sum of exactly 0 counts as not reached yet.
 *
 * Kudo and Richardson (2018), "SentencePiece", arXiv:1808.06226.
 */
import { offsetsOf, pieceBytes } from '../offsets.ts'

export type Vocabulary = readonly (readonly [piece: string, score: number | null])[]

/** The first entries are markers, which no text can spell; id 0 represents all unknown characters. */
const RESERVED = 6
const UNKNOWN = 0
const UNKNOWN_CHARACTER = { id: UNKNOWN, score: 0, length: 1 }
const SPACE = '▁'
/**
 * Far more than any model reads of a text. One character may become eighteen (U+FDFA) and a text eighteen times as
 * long.
 */
const MOST_CHARACTERS = 16_384

export class UseLiteTokenizer {
  readonly #vocabulary: Vocabulary
  /** Every prefix of a piece, and the piece that ends there, if any. */
  readonly #beginnings = new Map<string, Piece | null>()

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
    for (const [id, [piece, score]] of vocabulary.entries()) {
      if (id < RESERVED) continue
      for (let end = 1; end < piece.length; end += 1) {
        const beginning = piece.slice(0, end)
        if (!this.#beginnings.has(beginning)) this.#beginnings.set(beginning, null)
      }
      this.#beginnings.set(piece, { id, score: score ?? 0, length: Array.from(piece).length })
    }
  }

  encode(text: string): readonly number[] {
    const composed = text.normalize('NFKC').slice(0, MOST_CHARACTERS)
    const characters = Array.from(SPACE + composed.replaceAll(' ', SPACE))
    return backtrack(this.#bestPieces(characters))
  }

  /** [start, end) in the text of each token, one after the other. */
  offsets(text: string, ids: ArrayLike<number>): Int32Array {
    const pieces = Array.from(ids, (id) =>
      id === UNKNOWN ? undefined : pieceBytes(this.#vocabulary[id]?.[0] ?? ''),
    )
    return offsetsOf(text, pieces, {
      normalise: (part) => part.normalize('NFKC'),
      hidesWords: false,
    })
  }

  /**
   * best(end) = max over start of best(start) + score(start, end); returns the last piece of the best path to each end.
   */
  #bestPieces(characters: readonly string[]): readonly Piece[] {
    const best = new Float64Array(characters.length + 1)
    const last = new Array<Piece>(characters.length + 1)
    for (const start of characters.keys()) {
      for (const piece of this.#piecesAt(characters, start)) {
        const end = start + piece.length
        const reached = best[end] ?? 0
        const total = (best[start] ?? 0) + piece.score
        if (reached !== 0 && total < reached) continue
        best[end] = total
        last[end] = piece
      }
    }
    return last
  }

  /** All pieces that begin here; the unknown character, which costs nothing, only if there is none. */
  #piecesAt(characters: readonly string[], start: number): readonly Piece[] {
    const found: Piece[] = []
    let text = ''
    for (let end = start; end < characters.length; end += 1) {
      text += characters[end] ?? ''
      const piece = this.#beginnings.get(text)
      if (piece === undefined) break
      if (piece !== null) found.push(piece)
    }
    return found.length > 0 ? found : [UNKNOWN_CHARACTER]
  }
}

interface Piece {
  readonly id: number
  readonly score: number
  /** In code points. */
  readonly length: number
}

/** From the end to the start along the best pieces; a run of unknown characters is one token. */
function backtrack(last: readonly Piece[]): readonly number[] {
  const ids: number[] = []
  for (let end = last.length - 1; end > 0;) {
    const piece = last[end]
    if (piece === undefined) break
    if (piece.id !== UNKNOWN || ids.at(-1) !== UNKNOWN) ids.push(piece.id)
    end -= piece.length
  }
  return ids.reverse()
}
