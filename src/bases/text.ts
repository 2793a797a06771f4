/**
 * The rule for text inputs: at least one visible character. An empty text has an embedding too, but it is meaningless,
 * and learning from it would add noise.
 */
import type { EncodedRow } from '../contracts/network.ts'
import type { Input } from '../contracts/event.ts'
import { isOf } from '../contracts/payload.ts'
import { text } from '../payloads/inputs/text.ts'
import { failure } from '../platform/errors.ts'
import { isVisible, wellFormed } from '../platform/visible-text.ts'

/** The text of an input, well-formed. */
export function readText(input: Input): string {
  if (!isOf(input, text))
    throw failure('INPUT_WRONG_KIND', `the base reads text, the input holds ${input.kind}`)
  if (!isVisible(input.text))
    throw failure('INPUT_EMPTY', 'the text has no visible character', {
      details: { characters: input.text.length },
    })
  return streamSafe(wellFormed(input.text))
}

/**
 * At most 30 marks per character: more are not real text, and sorting thousands of them by class takes quadratic time.
 * Unicode Standard Annex 15, "Stream-Safe Text Format".
 */
export function streamSafe(text: string): string {
  return text.replace(/(\p{M}{30})\p{M}+/gu, '$1')
}

/** The encoded text, without its last `dropped` tokens. */
export function tokensOf(ids: readonly number[], dropped: number): EncodedRow {
  return { data: Int32Array.from(ids), ...(dropped > 0 && { dropped }) }
}
