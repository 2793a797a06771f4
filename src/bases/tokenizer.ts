/**
 * `tokenizer.json` through Hugging Face's own JavaScript tokenizer. The markers around a text ([CLS] … [SEP]) are found
 * by a test call, so that truncation removes words and never the last marker.
 */
import * as huggingface from '@huggingface/tokenizers'
import type { Json } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import { timeLimit } from '../platform/time-limit.ts'
import { offsetsOf, type PieceBytes } from './offsets.ts'
import { cutByWord, wordEncoder } from './piece-words.ts'
import { cutOfPair, type PairTokens } from './token-pairs.ts'
import { tokenBytesOf } from './token-bytes.ts'
import { trialTexts, tryOnce, tryOut } from './trial.ts'

export interface TextTokenizer {
  /** `dropped`: tokens of the text beyond the limit. */
  encode(text: string, limit: number): { readonly ids: readonly number[]; readonly dropped: number }
  /** Both in one sequence, with the markers between them; the longer one is cut first. Throws `BASE_UNSUPPORTED` if it has no rule for pairs. */
  encodePair(pair: { readonly text: string; readonly text_pair: string }, limit: number): PairTokens
  /** [start, end) of each token of `encode` in the text, one after the other; a marker has no characters. */
  offsets(text: string, ids: ArrayLike<number>): Int32Array
  /** The markers that begin a text. */
  readonly before: readonly number[]
  /** Without markers. */
  words(text: string, place?: Place): readonly number[]
  /** Ids that it has no token for are left out. */
  text(ids: readonly number[]): string
  /** Of one token; none for an id that it has no token for. */
  bytes(id: number): Uint8Array
}

/** Where a text begins: at the beginning of all, behind a control token, or in the middle of other text. */
export type Place = 'first' | 'piece' | 'inside'

/** The part of it that we use, typed here: its published types do not resolve under Node's module rules. */
interface Tokenizer {
  encode(
    text: string,
    options?: {
      readonly add_special_tokens?: boolean
      readonly text_pair?: string
      readonly return_token_type_ids?: boolean
    },
  ): { readonly ids: readonly number[]; readonly token_type_ids?: readonly number[] }
  get_vocab(): ReadonlyMap<string, number>
  decode(
    ids: readonly number[],
    options: { readonly clean_up_tokenization_spaces: boolean },
  ): string
  id_to_token(id: number): string | undefined
  readonly normalizer: ((text: string) => string) | null
}
type LibraryTokenizer = Tokenizer & Parameters<typeof wordEncoder>[0]
/** Without changes to its spaces. */
export const AS_IT_IS = { clean_up_tokenization_spaces: false } as const
const library = huggingface as unknown as {
  readonly Tokenizer: new (definition: Json, config: object) => LibraryTokenizer
}

interface TokenModel {
  readonly type?: string
  readonly continuing_subword_prefix?: string
  readonly unk_token?: string | null
  /** Of Unigram. */
  readonly unk_id?: number | null
  readonly vocab?: unknown
}

function unknownOf({ unk_token: token, unk_id: id, vocab }: TokenModel): string | undefined {
  const entry: unknown = Array.isArray(vocab) && typeof id === 'number' ? vocab[id] : undefined
  const named: unknown = Array.isArray(entry) ? entry[0] : undefined
  return token ?? (typeof named === 'string' ? named : undefined)
}

/** Throws BASE_INVALID where short texts already take too long or too much memory. `key` names the definition. */
export async function tryTokenizer(definition: Json, key: string): Promise<void> {
  checkGrowth(definition)
  if (isPlain(definition)) return
  const fault = await tryOnce(key, () => ({ definition, texts: trialTexts }))
  if (fault !== undefined) throw failure('BASE_INVALID', `tokenizer.json: ${fault}`, FAULT)
}

/** `vocabulary`: the rows of the embedding table. */
export function openTokenizer(definition: Json, vocabulary: number): TextTokenizer {
  checkGrowth(definition)
  const tokenizer = limited(createTokenizer(definition), definition)
  checkIds(tokenizer, vocabulary)
  const { before, after } = markers(tokenizer)
  const others = new Map<Place, Tokenizer>()
  let pairs: ReturnType<typeof pairMarkers> | undefined
  const bytesOf = tokenBytesOf(definition)
  const { model = {} } = definition as { readonly model?: TokenModel }
  const [hidesWords, unknown] = [model.type === 'WordPiece', unknownOf(model)]
  const rules = { hidesWords, normalise: (part: string) => tokenizer.normalizer?.(part) ?? part }
  const goesOn = hidesWords ? (model.continuing_subword_prefix ?? '##') : ''
  const pieceOf = (token: string): PieceBytes => {
    if (token === unknown) return undefined
    return bytesOf(token.startsWith(goesOn) ? token.slice(goesOn.length) : token)
  }
  const at = (place: Place): Tokenizer => {
    const known = place === 'first' ? tokenizer : others.get(place)
    if (known !== undefined) return known
    const changed = withoutPrefix(definition, place)
    const opened = changed === undefined ? tokenizer : limited(createTokenizer(changed), changed)
    others.set(place, opened)
    return opened
  }
  return {
    before,
    words: (text, place = 'first') => bare(at(place), text),
    text(ids) {
      const known = ids.filter((id) => tokenizer.id_to_token(id) !== undefined)
      if (known.length === 0) return ''
      return tokenizer.decode(known, AS_IT_IS)
    },
    bytes: (id) => bytesOf(tokenizer.id_to_token(id) ?? ''),
    offsets(text, ids) {
      const words = Array.from(ids).slice(before.length, Math.max(0, ids.length - after.length))
      const pieces = words.map((id) => pieceOf(tokenizer.id_to_token(id) ?? ''))
      const offsets = new Int32Array(2 * ids.length).fill(text.length)
      offsets.fill(0, 0, 2 * before.length)
      offsets.set(offsetsOf(text, pieces, rules), 2 * before.length)
      return offsets
    },
    encodePair({ text, text_pair }, limit) {
      const around = (pairs ??= pairMarkers(tokenizer))
      const [first, second] = [bare(tokenizer, text), bare(tokenizer, text_pair)]
      const markers = around.before.length + around.middle.length + around.after.length
      const [kept, left] = cutOfPair(first.length, second.length, Math.max(2, limit - markers))
      const start = [...around.before, ...first.slice(0, kept), ...around.middle]
      return {
        ids: [...start, ...second.slice(0, left), ...around.after],
        secondFrom: start.length,
        dropped: first.length + second.length - kept - left,
      }
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

/**
 * What puts a space in front of a text: before the first piece alone, before each piece, or, as a normalizer, before each too.
 * Without those that do not act at this place; undefined if none of them is in it.
 */
function withoutPrefix(definition: Json, place: Place): Json | undefined {
  const { pre_tokenizer = null, normalizer = null } = definition as Readonly<Record<string, Json>>
  const [cuts, rules] = [JSON.stringify(pre_tokenizer), JSON.stringify(normalizer)]
  const never = '"prepend_scheme":"never"'
  if (place === 'piece') {
    const cut = cuts.replaceAll('"prepend_scheme":"first"', never)
    return cut === cuts ? undefined : changedTo(definition, cut, rules)
  }
  const cut = cuts
    .replaceAll(/"prepend_scheme":"(first|always)"/g, never)
    .replaceAll('"add_prefix_space":true', '"add_prefix_space":false')
  const rule = rules.replaceAll(/\{"type":"Prepend",[^{}]*\}/g, NO_CHANGE)
  return cut === cuts && rule === rules ? undefined : changedTo(definition, cut, rule)
}

const NO_CHANGE = '{"type":"Sequence","normalizers":[]}'

function changedTo(definition: Json, cut: string, rule: string): Json {
  const [pre_tokenizer, normalizer] = [cut, rule].map((text) => JSON.parse(text) as Json)
  return { ...(definition as object), pre_tokenizer, normalizer } as Json
}

/** Without limits. */
export function createTokenizer(definition: Json): Tokenizer {
  try {
    const cut = cutByWord(definition)
    const tokenizer = new library.Tokenizer(cut ?? definition, {})
    return cut === undefined ? tokenizer : cachingWords(tokenizer, definition)
  } catch (cause) {
    throw failure('BASE_INVALID', 'tokenizer.json cannot be read', { cause })
  }
}

function cachingWords(tokenizer: LibraryTokenizer, definition: Json): Tokenizer {
  const words = wordEncoder(tokenizer, definition)
  if (words === undefined) return tokenizer
  return {
    encode: (text, options) =>
      options?.add_special_tokens === false
        ? { ids: words(text) }
        : tokenizer.encode(text, options),
    decode: (ids, options) => tokenizer.decode(ids, options),
    get_vocab: () => tokenizer.get_vocab(),
    id_to_token: (id) => tokenizer.id_to_token(id),
    normalizer: tokenizer.normalizer,
  }
}

/** A definition that is not plain, and may therefore take long for a text, is watched. */
function limited(tokenizer: Tokenizer, definition: Json): Tokenizer {
  if (isPlain(definition)) return tokenizer
  const limit = timeLimit(tooSlow)
  const isPossible = async (job: { texts: readonly string[]; ids?: readonly number[] }) =>
    (await tryOut({ definition, ...job })) === undefined
  return {
    encode: (text, options) =>
      limit({
        size: text.length,
        run: () => tokenizer.encode(text, options),
        tryElsewhere: () => isPossible({ texts: [text] }),
      }),
    decode: (ids, options) =>
      limit({
        size: ids.length,
        run: () => tokenizer.decode(ids, options),
        tryElsewhere: () => isPossible({ texts: [], ids }),
      }),
    get_vocab: () => tokenizer.get_vocab(),
    id_to_token: (id) => tokenizer.id_to_token(id),
    normalizer: tokenizer.normalizer,
  }
}

/** WordPiece tries each end of a word. */
const LONGEST_WORD = 1000
const LONGEST_PLAIN = 500
const PLAIN_GROWTH = 4

/** Few rules, without regular expressions of its own, which may backtrack for ever, and without long replacements. */
function isPlain(definition: Json): boolean {
  const { normalizer, pre_tokenizer, model, decoder } = definition as Readonly<Record<string, Json>>
  const word = (model as { max_input_chars_per_word?: unknown } | null)?.max_input_chars_per_word
  if (typeof word === 'number' && word > LONGEST_WORD) return false
  return [[normalizer ?? null, pre_tokenizer ?? null], decoder ?? null].every((rules) => {
    const written = JSON.stringify(rules)
    const isShort = written.length <= LONGEST_PLAIN && growthOf(rules) <= PLAIN_GROWTH
    return isShort && !written.includes('"Regex":')
  })
}

const FAULT = {
  details: { file: 'tokenizer.json' },
  fix: 'use a base with other rules in its tokenizer.json',
} as const

function tooSlow(): Error {
  return failure('BASE_INVALID', 'tokenizer.json takes too long for a text', FAULT)
}

/** How many times longer the replacements together may make a text. */
const MOST_GROWTH = 64

function checkGrowth(definition: Json): void {
  const { normalizer, pre_tokenizer, decoder } = definition as Readonly<Record<string, Json>>
  for (const part of [normalizer, pre_tokenizer, decoder])
    if (growthOf(part ?? null) > MOST_GROWTH)
      throw failure('BASE_INVALID', `tokenizer.json makes texts over ${MOST_GROWTH} times longer`)
}

/** Each replacement multiplies: thirty of `a` by `aa` make a billion of one. */
function growthOf(part: Json): number {
  if (part === null || typeof part !== 'object') return 1
  const { type, pattern, content, replacement, ...rest } = part as Readonly<Record<string, Json>>
  const written = type === 'Replace' ? content : type === 'Metaspace' ? replacement : undefined
  const found = leastFound(type === 'Replace' ? pattern : undefined)
  const length = typeof written === 'string' ? written.length : 0
  // What may find nothing writes between all characters.
  const own = found === 0 ? 1 + length : Math.max(1, length / found)
  return Object.values(rest)
    .flat()
    .reduce<number>((all, each) => all * growthOf(each), own)
}

/** How many characters a pattern surely finds. */
function leastFound(pattern: Json | undefined): number {
  const { String: text, Regex: expression } = (pattern ?? {}) as Readonly<Record<string, Json>>
  if (typeof text === 'string') return text.length
  const mayFindNothing = typeof expression === 'string' && /[*?|^$]|\{0|\\b/i.test(expression)
  return mayFindNothing || expression === '' ? 0 : 1
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

/** Around and between two texts, found by a test call; the types must say where the second text begins. */
function pairMarkers(tokenizer: Tokenizer) {
  const [first, second] = [bare(tokenizer, 'a'), bare(tokenizer, 'b')]
  const options = { text_pair: 'b', return_token_type_ids: true }
  const { ids, token_type_ids: types = [] } = tokenizer.encode('a', options)
  const at = (part: readonly number[], from: number) =>
    ids.findIndex((_, place) => place >= from && part.every((id, n) => ids[place + n] === id))
  const start = at(first, 0)
  const behind = start + first.length
  const next = at(second, behind)
  const isTyped = types.every((type, place) => type === 0 || place >= next)
  if (start < 0 || next <= behind || !isTyped)
    throw failure('BASE_UNSUPPORTED', 'tokenizer.json has no rule for two texts in one sequence')
  return {
    before: ids.slice(0, start),
    middle: ids.slice(behind, next),
    after: ids.slice(next + second.length),
  }
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
