/**
 * The BPE of SentencePiece, word by word. It writes a text as one word with ▁ for its spaces; where no token goes on behind a space,
 * the text may be cut before each: the tokens are the same, and a word that comes again is not merged again.
 */
import type { Json } from '../contracts/core.ts'

type Part = Readonly<Record<string, Json | undefined>>

/** The definition with that cut, or undefined where it is not one of these. */
export function cutByWord(definition: Json): Json | undefined {
  const { model, pre_tokenizer: cut, normalizer } = definition as Part
  const { type, vocab } = (model ?? {}) as Part
  // Gemma cuts at spaces, but its normalizer has replaced them all.
  const isWhole = (cut ?? null) === null || (isOf(cut, 'Split') && writesSpaces(normalizer))
  if (type !== 'BPE' || !isWhole) return undefined
  const tokens = Object.keys((vocab ?? {}) as object)
  if (!tokens.includes('▁') || tokens.some((token) => /[^▁]▁/.test(token))) return undefined
  const words = {
    type: 'Split',
    pattern: { Regex: '▁+[^▁]*' },
    behavior: 'Isolated',
    invert: false,
  }
  return { ...(definition as object), pre_tokenizer: words }
}

/** A rule for single spaces. */
function isOf(rule: Json | undefined, type: string): boolean {
  const { type: own, pattern } = (rule ?? {}) as Part
  return own === type && ((pattern ?? {}) as Part).String === ' '
}

function writesSpaces(normalizer: Json | undefined): boolean {
  return isOf(normalizer, 'Replace') && (normalizer as Part).content === '▁'
}

/** Of a tokenizer whose definition is cut by word. */
interface WordTokenizer {
  encode(
    text: string,
    options: { readonly add_special_tokens: false },
  ): { readonly ids: readonly number[] }
  token_to_id(token: string): number | undefined
  readonly normalizer: ((text: string) => string) | null
  readonly model: ((words: readonly string[]) => readonly string[]) & {
    readonly unk_token_id?: number
  }
}

interface AddedToken {
  readonly id: number
  readonly content: string
  readonly normalized?: boolean
}

/** Tokens that a text is looked through for. */
const MOST_ADDED = 16
/** Words that are kept, and the longest of them. */
const MOST = 20_000
const LONGEST = 64

/** The ids of a text without markers; undefined where the tokenizer itself must find them. */
export function wordEncoder(
  tokenizer: WordTokenizer,
  definition: Json,
): ((text: string) => readonly number[]) | undefined {
  const { added_tokens = [] } = definition as {
    readonly added_tokens?: readonly AddedToken[] | null
  }
  const added = added_tokens ?? []
  const isPlain = ({ id, content, normalized = false }: AddedToken) =>
    !normalized && tokenizer.token_to_id(content) === id
  if (added.length > MOST_ADDED || !added.every(isPlain)) return undefined
  const known = new Map<string, readonly number[]>()
  const merged = (word: string): readonly number[] => {
    const tokens = tokenizer.model([word])
    const unknown = tokenizer.model.unk_token_id
    const ids = tokens.flatMap((token) => tokenizer.token_to_id(token) ?? unknown ?? [])
    if (word.length > LONGEST) return ids
    if (known.size >= MOST) known.clear()
    // A copy: a piece of a string keeps all of it in memory.
    known.set(Buffer.from(word, 'utf16le').toString('utf16le'), ids)
    return ids
  }
  return (text) => {
    if (added.some(({ content }) => text.includes(content)))
      return tokenizer.encode(text, { add_special_tokens: false }).ids
    const all = text === '' ? '' : (tokenizer.normalizer?.(text) ?? text)
    const ids: number[] = []
    for (let from = 0, to = 0; from < all.length; from = to) {
      while (all[to] === '▁') to += 1
      const end = all.indexOf('▁', to)
      to = end < 0 ? all.length : end
      const word = all.slice(from, to)
      for (const id of known.get(word) ?? merged(word)) ids.push(id)
    }
    return ids
  }
}
