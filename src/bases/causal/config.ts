/**
 * The sizes and constants of a decoder of the Llama family, from `config.json` or the metadata of a GGUF file. A field that
 * changes the equations and is not supported is refused by name: a base that is almost right would be wrong in every answer.
 */
import { metadataNumber, type GgufFile } from '../../nn/containers/gguf.ts'
import { failure } from '../../platform/errors.ts'

export interface CausalConfig {
  readonly layers: number
  readonly width: number
  readonly heads: number
  /** Heads of keys and values; each serves `heads / keyHeads` heads of queries. */
  readonly keyHeads: number
  readonly headSize: number
  readonly inner: number
  readonly positions: number
  readonly vocabulary: number
  readonly epsilon: number
  readonly ropeBase: number
  /** Biases of the maps for queries, keys and values (Qwen2). */
  readonly hasBiases: boolean
  /** Norms of each head's query and key (Qwen3). */
  readonly hasHeadNorms: boolean
}

type Fields = Readonly<Record<string, unknown>>

/** The differences between the families. */
const families: Readonly<Record<string, Pick<CausalConfig, 'hasBiases' | 'hasHeadNorms'>>> = {
  llama: { hasBiases: false, hasHeadNorms: false },
  qwen2: { hasBiases: true, hasHeadNorms: false },
  qwen3: { hasBiases: false, hasHeadNorms: true },
}

/** The only supported value of a field; absent means that value too. */
const fixed: Fields = {
  hidden_act: 'silu',
  attention_bias: false,
  mlp_bias: false,
  use_sliding_window: false,
  rope_scaling: null,
  quantization_config: null,
}

export function isCausalType(modelType: unknown): boolean {
  return typeof modelType === 'string' && Object.hasOwn(families, modelType)
}

/** Reads the config of a Hugging Face folder. */
export function parseCausalConfig(fields: Fields): CausalConfig {
  const family = familyOf('model_type', fields.model_type)
  for (const [field, value] of Object.entries(fixed))
    if ((fields[field] ?? value) !== value) throw unsupported(field, fields[field])
  const [width, heads] = [count(fields, 'hidden_size'), count(fields, 'num_attention_heads')]
  return checked({
    ...family,
    layers: count(fields, 'num_hidden_layers'),
    width,
    heads,
    keyHeads: count({ num_key_value_heads: heads, ...withoutNulls(fields) }, 'num_key_value_heads'),
    headSize: count({ head_dim: width / heads, ...withoutNulls(fields) }, 'head_dim'),
    inner: count(fields, 'intermediate_size'),
    positions: count(fields, 'max_position_embeddings'),
    vocabulary: count(fields, 'vocab_size'),
    epsilon: positive('rms_norm_eps', fields.rms_norm_eps ?? 1e-6),
    ropeBase: ropeBaseOf(fields),
  })
}

/** Reads the config of a GGUF file. */
export function causalConfigOf(file: GgufFile): CausalConfig {
  const family = file.metadata.get('general.architecture')
  const kind = familyOf('general.architecture', family)
  const number = (key: string) => metadataNumber(file, `${String(family)}.${key}`)
  const optional = (key: string, otherwise: number) =>
    file.metadata.has(`${String(family)}.${key}`) ? number(key) : otherwise
  const scaling = file.metadata.get(`${String(family)}.rope.scaling.type`) ?? 'none'
  if (scaling !== 'none') throw unsupported('rope.scaling.type', scaling)
  const [width, heads] = [number('embedding_length'), number('attention.head_count')]
  const words = file.tensors.get('token_embd.weight')?.shape ?? []
  return checked({
    ...kind,
    layers: number('block_count'),
    width,
    heads,
    keyHeads: optional('attention.head_count_kv', heads),
    headSize: optional('attention.key_length', width / heads),
    inner: number('feed_forward_length'),
    positions: number('context_length'),
    vocabulary: words[0] ?? 0,
    epsilon: number('attention.layer_norm_rms_epsilon'),
    ropeBase: optional('rope.freq_base', 10_000),
  })
}

/** transformers 5 writes `rope_parameters`, earlier ones `rope_theta`. */
function ropeBaseOf(fields: Fields): number {
  const rope = (fields.rope_parameters ?? {}) as Fields
  const kind = rope.rope_type ?? 'default'
  if (kind !== 'default') throw unsupported('rope_parameters.rope_type', kind)
  return positive('rope_theta', rope.rope_theta ?? fields.rope_theta ?? 10_000)
}

function familyOf(field: string, value: unknown) {
  const found = typeof value === 'string' && Object.hasOwn(families, value) && families[value]
  if (found) return found
  throw unsupported(field, value)
}

/** Bounds on the sizes that a file may claim, checked before anything is allocated: far above those of real models. */
const most = {
  layers: 1024,
  width: 1 << 16,
  heads: 1024,
  keyHeads: 1024,
  headSize: 1024,
  inner: 1 << 20,
  positions: 1 << 20,
  vocabulary: 1 << 22,
} as const
/** The most numbers in the tables of angles. */
const MOST_ANGLES = 1 << 27

function checked(config: CausalConfig): CausalConfig {
  const { heads, keyHeads, headSize, positions, epsilon, ropeBase } = config
  for (const [field, limit] of Object.entries(most)) {
    const value = config[field as keyof typeof most]
    if (!Number.isSafeInteger(value) || value < 1 || value > limit)
      throw invalid(field, `is ${value}, not from 1 to ${limit}`)
  }
  if (positions * headSize > MOST_ANGLES)
    throw invalid('positions', `is ${positions}, too many for heads of ${headSize}`)
  for (const [field, value] of Object.entries({ epsilon, ropeBase })) positive(field, value)
  if (heads % keyHeads !== 0)
    throw invalid('num_key_value_heads', `${keyHeads} does not divide ${heads}`)
  if (headSize % 2 !== 0) throw invalid('head_dim', `${headSize} is odd`)
  return config
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

function count(fields: Fields, field: string): number {
  const value = fields[field]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw invalid(field, `is ${shown(value)}, not a positive integer`)
}

function positive(field: string, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value
  throw invalid(field, `is ${shown(value)}, not a number above 0`)
}

function unsupported(field: string, value: unknown): Error {
  return failure('BASE_UNSUPPORTED', `${field} of the decoder is ${shown(value)}`, {
    details: { field },
  })
}

function invalid(field: string, what: string): Error {
  return failure('BASE_INVALID', `the decoder's ${field} ${what}`, { details: { field } })
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
