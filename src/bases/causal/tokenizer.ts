/**
 * The tokenizer of a decoder as a definition for Hugging Face's library: `tokenizer.json` as it is, or made from the lists in a
 * GGUF file. Control tokens are taken out of both, so that no text of a user's is read as one.
 */
import type { Json } from '../../contracts/core.ts'
import { metadataNumber, metadataTexts, type GgufFile } from '../../nn/containers/gguf.ts'
import { failure } from '../../platform/errors.ts'

type Definition = Readonly<Record<string, Json>>

const CONTROL = 3
const USER_DEFINED = 4

/** Only tokens that no text may become are `special`. */
export function withoutControls(definition: Definition): Definition {
  const added: Json | undefined = definition.added_tokens
  const isControl = (token: Json) =>
    typeof token === 'object' && token !== null && (token as Definition).special === true
  if (!isList(added)) return definition
  return { ...definition, added_tokens: added.filter((token) => !isControl(token)) }
}

/** A token that only a chat template writes. */
export interface ControlToken {
  readonly id: number
  readonly content: string
  /** Whether it takes the white space at its left, or right. */
  readonly lstrip: boolean
  readonly rstrip: boolean
}

export function controlsOf({ added_tokens: added }: Definition): readonly ControlToken[] {
  if (!isList(added)) return []
  return added.flatMap((token) => {
    if (typeof token !== 'object' || token === null || isList(token)) return []
    const { id, content, special, lstrip, rstrip } = token as Definition
    if (special !== true || typeof content !== 'string' || typeof id !== 'number') return []
    return [{ id, content, lstrip: lstrip === true, rstrip: rstrip === true }]
  })
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }
const digits = { type: 'Digits', individual_digits: true }
/** The published expression of Qwen2. */
const QWEN2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

/** How a text is cut before byte pairs are merged, by the name in `tokenizer.ggml.pre`. */
const cuts: Readonly<Record<string, { readonly cut: Json; readonly normalizer: Json }>> = {
  'gpt-2': { cut: { ...byteLevel, use_regex: true }, normalizer: null },
  smollm: {
    cut: { type: 'Sequence', pretokenizers: [digits, { ...byteLevel, use_regex: true }] },
    normalizer: null,
  },
  qwen2: {
    cut: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: QWEN2 }, behavior: 'Isolated', invert: false },
        { ...byteLevel, use_regex: false },
      ],
    },
    normalizer: { type: 'NFC' },
  },
}

/** Throws BASE_UNSUPPORTED for a tokenizer other than byte-level BPE with a known cut. */
export function tokenizerOf(file: GgufFile): Definition {
  const model = file.metadata.get('tokenizer.ggml.model')
  if (model !== 'gpt2') throw unsupported('tokenizer.ggml.model', model, 'gpt2')
  const name = file.metadata.get('tokenizer.ggml.pre') ?? 'gpt-2'
  const found = typeof name === 'string' && Object.hasOwn(cuts, name) && cuts[name]
  if (!found) throw unsupported('tokenizer.ggml.pre', name, Object.keys(cuts).join(', '))
  const tokens = metadataTexts(file, 'tokenizer.ggml.tokens')
  const types = file.metadata.get('tokenizer.ggml.token_type') ?? []
  const typeOf = (id: number) => (typeof types === 'object' ? types[id] : undefined)
  const added = tokens.flatMap((content, id) => {
    const type = typeOf(id)
    if (type !== CONTROL && type !== USER_DEFINED) return []
    const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false }
    return [{ id, content, special: type === CONTROL, ...plain }]
  })
  const marker = marks(file, tokens)
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: found.normalizer,
    pre_tokenizer: found.cut,
    post_processor: marker,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: metadataTexts(file, 'tokenizer.ggml.merges'),
    },
  }
}

/** The token that begins every text, where the file says that one does. */
function marks(file: GgufFile, tokens: readonly string[]): Json {
  if (file.metadata.get('tokenizer.ggml.add_bos_token') !== true) return null
  const id = metadataNumber(file, 'tokenizer.ggml.bos_token_id')
  const token = tokens[id] ?? ''
  return {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: token, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  }
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
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
