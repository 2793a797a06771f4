/**
 * `tokenizer.json` through Hugging Face's own JavaScript tokenizer. The markers around a text ([CLS] … [SEP]) are found
 * by a test call, so that truncation removes words and never the last marker.
 */
import * as huggingface from '@huggingface/tokenizers'
import type { Json } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'

export interface TextTokenizer {
  /** `dropped`: tokens of the text beyond the limit. */
  encode(text: string, limit: number): { readonly ids: readonly number[]; readonly dropped: number }
  /** The markers that begin a text. */
  readonly before: readonly number[]
  /** Without markers. `inside`: other text or a control token is in front of it. */
  words(text: string, place?: 'first' | 'inside'): readonly number[]
  /** Ids that it has no token for are left out. */
  text(ids: readonly number[]): string
}

/** The part of it that we use, typed here: its published types do not resolve under Node's module rules. */
interface Tokenizer {
  encode(
    text: string,
    options?: { readonly add_special_tokens: boolean },
  ): { readonly ids: readonly number[] }
  get_vocab(): ReadonlyMap<string, number>
  decode(
    ids: readonly number[],
    options: { readonly clean_up_tokenization_spaces: boolean },
  ): string
  id_to_token(id: number): string | undefined
}
const library = huggingface as unknown as {
  readonly Tokenizer: new (definition: Json, config: object) => Tokenizer
}

/** `vocabulary`: the rows of the embedding table. */
export function openTokenizer(definition: Json, vocabulary: number): TextTokenizer {
  const tokenizer = create(definition)
  checkIds(tokenizer, vocabulary)
  const { before, after } = markers(tokenizer)
  let inner: Tokenizer | undefined
  return {
    before,
    words(text, place = 'first') {
      if (place === 'first') return bare(tokenizer, text)
      inner ??= isPrefixed(definition) ? create(inside(definition)) : tokenizer
      return bare(inner, text)
    },
    text(ids) {
      const known = ids.filter((id) => tokenizer.id_to_token(id) !== undefined)
      if (known.length === 0) return ''
      return tokenizer.decode(known, { clean_up_tokenization_spaces: false })
    },
    encode(text, limit) {
      const room = Math.max(0, limit - before.length - after.length)
      const words = bare(tokenizer, text)
      return {
        ids: [...before, ...words.slice(0, room), ...after],
        dropped: Math.max(0, words.length - room),
      }
    },
  }
}

/** Whether it puts a space in front of a text's beginning, and of no other part of it. */
const PREFIX = '"prepend_scheme":"first"'

function isPrefixed(definition: Json): boolean {
  return JSON.stringify(partsOf(definition)).includes(PREFIX)
}

function inside(definition: Json): Json {
  const parts = JSON.stringify(partsOf(definition)).replaceAll(PREFIX, '"prepend_scheme":"never"')
  return { ...(definition as object), ...(JSON.parse(parts) as object) }
}

function partsOf(definition: Json) {
  const { pre_tokenizer } = definition as { readonly pre_tokenizer?: Json }
  return { pre_tokenizer: pre_tokenizer ?? null }
}

function create(definition: Json): Tokenizer {
  try {
    return new library.Tokenizer(definition, {})
  } catch (cause) {
    throw failure('BASE_INVALID', 'tokenizer.json cannot be read', { cause })
  }
}

/** An id outside the table would fail in one engine and be clamped silently by another. */
function checkIds(tokenizer: Tokenizer, vocabulary: number): void {
  let highest = -1
  for (const id of tokenizer.get_vocab().values()) highest = Math.max(highest, id)
  if (highest < vocabulary) return
  const what = `tokenizer.json gives ids up to ${highest}, but config.json says vocab_size ${vocabulary}`
  throw failure('BASE_INVALID', what)
}

function markers(tokenizer: Tokenizer): { before: readonly number[]; after: readonly number[] } {
  const inside = bare(tokenizer, 'a')
  const whole = tokenizer.encode('a').ids
  const start = whole.findIndex((_, at) => inside.every((id, index) => whole[at + index] === id))
  return { before: whole.slice(0, start), after: whole.slice(start + inside.length) }
}

function bare(tokenizer: Tokenizer, text: string): readonly number[] {
  try {
    return tokenizer.encode(text, { add_special_tokens: false }).ids
  } catch (cause) {
    // It passes all tokens of a word list as arguments, and the stack holds about a hundred thousand.
    if (!(cause instanceof RangeError)) throw cause
    throw failure('INPUT_TOO_LONG', `the tokenizer cannot process ${text.length} characters`, {
      cause,
    })
  }
}
