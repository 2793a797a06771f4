/**
 * What a text base may be asked to read: at least one visible character. An empty text has an embedding too, but it
 * says nothing, and learning from it would teach the adapter noise.
 */
import type { Encoded, Input } from '../contracts.ts'
import { failure } from '../runtime/errors.ts'

/** Spaces, controls, format marks, fillers and halves of surrogate pairs show nothing on a screen. */
const VISIBLE = /[^\p{White_Space}\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}]/u
const LONE_SURROGATE = /\p{Cs}/gu

/** The text of an input, well-formed: a lone surrogate becomes U+FFFD, as an UTF-8 encoder would write it. */
export function readText(input: Input): string {
  if (input.kind !== 'text')
    throw failure('INPUT_WRONG_KIND', `the base reads text, the input holds ${input.kind}`)
  if (!VISIBLE.test(input.text))
    throw failure('INPUT_EMPTY', 'the text has no visible character', {
      details: { characters: input.text.length },
    })
  return streamSafe(input.text.replace(LONE_SURROGATE, '\uFFFD'))
}

/**
 * At most 30 marks on a character: more are no writing, and putting thousands of them into the order of their classes takes
 * quadratic time. Unicode Standard Annex 15, "Stream-Safe Text Format".
 */
function streamSafe(text: string): string {
  return text.replace(/(\p{M}{30})\p{M}+/gu, '$1')
}

/** What a text base answers for a text that it read, all but the last `dropped` tokens. */
export function tokensOf(ids: readonly number[], dropped: number): Encoded {
  return { kind: 'tokens', ids: Int32Array.from(ids), ...(dropped > 0 && { dropped }) }
}
