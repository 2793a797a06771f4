/**
 * The tokenizer in a GGUF file, as the definition that `tokenizer.json` has. Two kinds are read: byte-level BPE with a known cut,
 * and the BPE of SentencePiece, which stores scores in place of merges.
 */
import type { Json } from '../../contracts/core.ts'
import { metadataNumber, metadataTexts, type GgufFile } from '../../nn/containers/gguf.ts'
import { failure } from '../../platform/errors.ts'

type Definition = Readonly<Record<string, Json>>

/** Kinds of tokens. */
const UNKNOWN = 2
const CONTROL = 3
const USER_DEFINED = 4

/** Published vocabularies stay below a third of it. Each way to cut a token is tried, which is quadratic in its length. */
const LONGEST_TOKEN = 512

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }
const digits = { type: 'Digits', individual_digits: true }
/** The published expression of Qwen2 and Llama 3, which differ in the digits that lie together. */
const wordsWith = (digits: string): Json => ({
  type: 'Split',
  pattern: {
    Regex: `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
  },
  behavior: 'Isolated',
  invert: false,
})

interface Cut {
  readonly cut: Json
  readonly normalizer: Json
  /** What is a token already is not merged again, and a token begins every text unless the file says otherwise. */
  readonly isLlama3?: true
}

/** How a text is cut before byte pairs are merged, by the name in `tokenizer.ggml.pre`. */
const cuts: Readonly<Record<string, Cut>> = {
  'gpt-2': { cut: { ...byteLevel, use_regex: true }, normalizer: null },
  smollm: {
    cut: { type: 'Sequence', pretokenizers: [digits, { ...byteLevel, use_regex: true }] },
    normalizer: null,
  },
  qwen2: {
    cut: {
      type: 'Sequence',
      pretokenizers: [wordsWith('\\p{N}'), { ...byteLevel, use_regex: false }],
    },
    normalizer: { type: 'NFC' },
  },
  'llama-bpe': {
    cut: {
      type: 'Sequence',
      pretokenizers: [wordsWith('\\p{N}{1,3}'), { ...byteLevel, use_regex: false }],
    },
    normalizer: null,
    isLlama3: true,
  },
}

/** Throws GGUF_INVALID for a token that is too long, and BASE_UNSUPPORTED for a tokenizer other than byte-level BPE with a known cut, or the BPE of SentencePiece. */
export function tokenizerOf(file: GgufFile): Definition {
  const model = file.metadata.get('tokenizer.ggml.model')
  const tokens = metadataTexts(file, 'tokenizer.ggml.tokens')
  const long = tokens.findIndex(({ length }) => length > LONGEST_TOKEN)
  if (long >= 0)
    throw failure('GGUF_INVALID', `token ${long} has more than ${LONGEST_TOKEN} characters`)
  const kind =
    model === 'gpt2' ? byteLevelOf(file) : model === 'llama' ? sentencesOf(file, tokens) : undefined
  if (kind === undefined) throw unsupported('tokenizer.ggml.model', model, 'gpt2 or llama')
  const { model: pairs, hasMarker, ...definition } = kind
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedOf(file, tokens),
    ...definition,
    post_processor: hasMarker ? marker(file, tokens) : null,
    model: {
      ...{ type: 'BPE', dropout: null, continuing_subword_prefix: null },
      ...{ end_of_word_suffix: null, ignore_merges: false },
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      ...pairs,
    },
  }
}

/** What differs between tokenizers. `hasMarker`: a token begins every text. */
interface Kind {
  readonly normalizer: Json
  readonly pre_tokenizer: Json
  readonly decoder: Json
  readonly model: Definition
  readonly hasMarker: boolean
}

function byteLevelOf(file: GgufFile): Kind {
  const name = file.metadata.get('tokenizer.ggml.pre') ?? 'gpt-2'
  const found = typeof name === 'string' && Object.hasOwn(cuts, name) && cuts[name]
  if (!found) throw unsupported('tokenizer.ggml.pre', name, Object.keys(cuts).join(', '))
  return {
    normalizer: found.normalizer,
    pre_tokenizer: found.cut,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...{ unk_token: null, fuse_unk: false, byte_fallback: false },
      ignore_merges: found.isLlama3 === true,
      merges: metadataTexts(file, 'tokenizer.ggml.merges'),
    },
    hasMarker: (file.metadata.get('tokenizer.ggml.add_bos_token') ?? found.isLlama3) === true,
  }
}

/** The BPE of SentencePiece (Llama 2, TinyLlama, Gemma): spaces are ▁, and what has no token is read as bytes. */
function sentencesOf(file: GgufFile, tokens: readonly string[]): Kind {
  const { metadata } = file
  const space = [{ type: 'Replace', pattern: { String: ' ' }, content: '▁' }]
  const prefix = [{ type: 'Prepend', prepend: '▁' }]
  const hasPrefix = metadata.get('tokenizer.ggml.add_space_prefix') !== false
  const unknown = metadata.get('tokenizer.ggml.unknown_token_id') ?? 0
  return {
    normalizer: { type: 'Sequence', normalizers: hasPrefix ? [...prefix, ...space] : space },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(hasPrefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      unk_token: tokens[Number(unknown)] ?? null,
      ...{ fuse_unk: true, byte_fallback: true },
      merges: mergesOf(tokens, numbersIn(file, 'tokenizer.ggml.scores', tokens.length)),
    },
    hasMarker: metadata.get('tokenizer.ggml.add_bos_token') !== false,
  }
}

/** SentencePiece joins the pair first whose token has the highest score: each way to make a token of two, in that order. */
function mergesOf(tokens: readonly string[], scores: readonly number[]): readonly Json[] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const idOf = (token: string) => ids.get(token) ?? -1
  const pairs = tokens.flatMap((token, id) =>
    waysToCut(token)
      .filter((pair) => pair.every((part) => ids.has(part)))
      .map((pair) => ({ pair, score: scores[id] ?? 0 })),
  )
  const ordered = pairs.sort(
    ({ score, pair: [left, right] }, other) =>
      other.score - score || idOf(left) - idOf(other.pair[0]) || idOf(right) - idOf(other.pair[1]),
  )
  return ordered.map(({ pair }) => pair)
}

function waysToCut(token: string): readonly (readonly [string, string])[] {
  const ways: (readonly [string, string])[] = []
  let at = 0
  for (const character of token) {
    at += character.length
    if (at < token.length) ways.push([token.slice(0, at), token.slice(at)])
  }
  return ways
}

function numbersIn({ metadata }: GgufFile, key: string, count: number): readonly number[] {
  const list = metadata.get(key)
  const isWhole = Array.isArray(list) && list.length === count
  if (isWhole && list.every((each) => typeof each === 'number')) return list
  throw failure('GGUF_INVALID', `${key} is no list of ${count} numbers`)
}

function addedOf({ metadata }: GgufFile, tokens: readonly string[]): readonly Json[] {
  const types = metadata.get('tokenizer.ggml.token_type') ?? []
  const typeOf = (id: number) => (typeof types === 'object' ? types[id] : undefined)
  return tokens.flatMap((content, id) => {
    const type = typeOf(id)
    if (type !== UNKNOWN && type !== CONTROL && type !== USER_DEFINED) return []
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    return [{ id, content, special: type !== USER_DEFINED, ...plain }]
  })
}

/** The token that begins every text. */
function marker(file: GgufFile, tokens: readonly string[]): Json {
  const id = metadataNumber(file, 'tokenizer.ggml.bos_token_id')
  const token = tokens[id] ?? ''
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}

function unsupported(field: string, value: unknown, allowed: string): Error {
  return failure(
    'BASE_UNSUPPORTED',
    `${field} of the GGUF file is ${String(value)}, not ${allowed}`,
    {
      details: { field },
    },
  )
}
