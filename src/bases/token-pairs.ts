/** Two texts in one sequence of tokens: what encoders of pairs and their tokenizers share. */

/** Ids of both texts and of the markers around them. */
export interface PairTokens {
  readonly ids: readonly number[]
  readonly secondFrom: number
  readonly dropped: number
}

/** The weights of an encoder of pairs: the vectors of first and second text [2, width]. */
export const TYPES = 'embeddings.token_types'

/** How many tokens of each text stay where both together have `room`: the longer one is cut first, as Hugging Face does. */
export function cutOfPair(first: number, second: number, room: number): readonly [number, number] {
  if (first + second <= room) return [first, second]
  if (first > second) {
    const [shorter, longer] = cutOfPair(second, first, room)
    return [longer, shorter]
  }
  const kept = Math.min(first, Math.floor(room / 2))
  return [kept, room - kept]
}
