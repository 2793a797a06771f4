/**
 * The sizes and constants of a decoder of the Llama or Gemma family, from `config.json` or the metadata of a GGUF file. A field that
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
  /** Of each pair of numbers that is turned: what its frequency is divided by. Absent = 1. */
  readonly ropeDivisors?: readonly number[]
  /** Biases of the maps for queries, keys and values (Qwen2). */
  readonly hasBiases: boolean
  /** Norms of each head's query and key (Qwen3, Gemma 3). */
  readonly hasHeadNorms: boolean
  /** Present: the equations are those of Gemma 3. */
  readonly gemma?: GemmaConfig
}

export interface GemmaConfig {
  /** Scores are divided by its square root; elsewhere by that of the size of a head. */
  readonly queryScalar: number
  /** Of each layer: whether it attends to the last `window` positions only, its own among them. */
  readonly isLocal: readonly boolean[]
  readonly window: number
  /** The base of the angles in those layers. */
  readonly localRopeBase: number
}

type Fields = Readonly<Record<string, unknown>>

/** The differences between the families. */
const families: Readonly<Record<string, Pick<CausalConfig, 'hasBiases' | 'hasHeadNorms'>>> = {
  llama: { hasBiases: false, hasHeadNorms: false },
  qwen2: { hasBiases: true, hasHeadNorms: false },
  qwen3: { hasBiases: false, hasHeadNorms: true },
  gemma3_text: { hasBiases: false, hasHeadNorms: true },
}

export function isGemma(modelType: unknown): boolean {
  return modelType === 'gemma3_text'
}

/** The only supported value of a field; absent means that value too. */
const fixed: Fields = {
  attention_bias: false,
  mlp_bias: false,
  use_sliding_window: false,
  use_bidirectional_attention: false,
  attn_logit_softcapping: null,
  final_logit_softcapping: null,
  partial_rotary_factor: 1,
  quantization_config: null,
}

export function isCausalType(modelType: unknown): boolean {
  return typeof modelType === 'string' && Object.hasOwn(families, modelType)
}

/** Reads the config of a Hugging Face folder. */
export function parseCausalConfig(fields: Fields): CausalConfig {
  const family = familyOf('model_type', fields.model_type)
  const hasGemma = isGemma(fields.model_type)
  const activation = hasGemma ? { hidden_activation: 'gelu_pytorch_tanh' } : { hidden_act: 'silu' }
  for (const [field, value] of Object.entries({ ...fixed, ...activation }))
    if ((fields[field] ?? value) !== value) throw unsupported(field, fields[field])
  const [width, heads] = [count(fields, 'hidden_size'), count(fields, 'num_attention_heads')]
  const optional = (field: string, otherwise: number) =>
    count({ [field]: otherwise, ...withoutNulls(fields) }, field)
  const sizes = {
    layers: count(fields, 'num_hidden_layers'),
    width,
    heads,
    keyHeads: optional('num_key_value_heads', heads),
    headSize: optional('head_dim', width / heads),
    inner: count(fields, 'intermediate_size'),
    positions: count(fields, 'max_position_embeddings'),
    vocabulary: count(fields, 'vocab_size'),
    epsilon: positive('rms_norm_eps', fields.rms_norm_eps ?? 1e-6),
  }
  if (!hasGemma) {
    const rope = { rope_theta: fields.rope_theta, ...scalingOf(fields.rope_parameters, fields) }
    return checked({ ...family, ...sizes, ...anglesOf(rope, 10_000, sizes) })
  }
  const { full_attention: whole, sliding_attention: local } = objectOf(fields.rope_parameters)
  const rope = { rope_theta: fields.rope_theta, ...scalingOf(whole, fields) }
  const localRope = { rope_theta: fields.rope_local_base_freq, ...objectOf(local) }
  const { ropeBase: localRopeBase, ropeDivisors } = anglesOf(localRope, 10_000, sizes)
  if (ropeDivisors)
    throw unsupported('rope_type', kindOf(localRope), 'default where there is a window')
  return checked({
    ...family,
    ...sizes,
    ...anglesOf(rope, 1_000_000, sizes),
    gemma: {
      queryScalar: positive('query_pre_attn_scalar', fields.query_pre_attn_scalar ?? 256),
      isLocal: localLayers(fields.layer_types, optional('sliding_window_pattern', 6), sizes.layers),
      window: optional('sliding_window', 4096),
      localRopeBase,
    },
  })
}

/** Every `period`th layer attends to the whole text, unless the kinds are listed. */
function localLayers(kinds: unknown, period: number, layers: number): readonly boolean[] {
  const names = ['full_attention', 'sliding_attention']
  const usual = Array.from(
    { length: layers },
    (_, layer) => names[(layer + 1) % period === 0 ? 0 : 1],
  )
  const listed: unknown = kinds ?? usual
  const isKnown = Array.isArray(listed) && listed.length === layers
  if (isKnown && listed.every((kind) => names.includes(kind as string)))
    return listed.map((kind) => kind === names[1])
  throw unsupported('layer_types', kinds)
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

/** transformers 5 writes `rope_parameters`, earlier ones `rope_scaling`. */
function scalingOf(parameters: unknown, fields: Fields): Fields {
  return { ...objectOf(parameters), ...objectOf(fields.rope_scaling) }
}

/**
 * How fast each pair of numbers turns. `llama3`: what turns less than `low` times over the positions of the pretraining is slowed
 * by the factor, what turns more than `high` times is not, and in between it goes from one to the other.
 *
 * Chen et al. (2023), "Extending context window of large language models via position interpolation", arXiv:2306.15595, is
 * `linear`; Grattafiori et al. (2024), "The Llama 3 herd of models", arXiv:2407.21783.
 */
function anglesOf(
  rope: Fields,
  usualBase: number,
  { headSize, positions }: Pick<CausalConfig, 'headSize' | 'positions'>,
): Pick<CausalConfig, 'ropeBase' | 'ropeDivisors'> {
  const ropeBase = positive('rope_theta', rope.rope_theta ?? usualBase)
  if ((rope.partial_rotary_factor ?? 1) !== 1)
    throw unsupported('partial_rotary_factor', rope.partial_rotary_factor)
  const kind = kindOf(rope)
  if (kind === 'default') return { ropeBase }
  if (kind !== 'linear' && kind !== 'llama3')
    throw unsupported('rope_type', kind, 'default, linear or llama3')
  const pairs = Array.from({ length: headSize / 2 }, (_, pair) => pair)
  const factor = positive('factor of rope_scaling', rope.factor)
  if (kind === 'linear') return { ropeBase, ropeDivisors: pairs.map(() => factor) }
  const [low, high, pretrained] = [
    positive('low_freq_factor', rope.low_freq_factor),
    positive('high_freq_factor', rope.high_freq_factor),
    positive(
      'original_max_position_embeddings',
      rope.original_max_position_embeddings ?? positions,
    ),
  ]
  if (low >= high) throw invalid('low_freq_factor', `is ${low}, not below ${high}`)
  const ropeDivisors = pairs.map((pair) => {
    const turns = (pretrained * ropeBase ** ((-2 * pair) / headSize)) / (2 * Math.PI)
    const share = Math.min(1, Math.max(0, (turns - low) / (high - low)))
    return 1 / ((1 - share) / factor + share)
  })
  return { ropeBase, ropeDivisors }
}

function kindOf({ rope_type: kind, type }: Fields): unknown {
  return kind ?? type ?? 'default'
}

function objectOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
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
  if (typeof value === 'number' && value > 0 && Number.isFinite(value)) return value
  throw invalid(field, `is ${shown(value)}, not a number above 0`)
}

function unsupported(field: string, value: unknown, supported?: string): Error {
  const wanted = supported === undefined ? '' : `, not ${supported}`
  return failure('BASE_UNSUPPORTED', `${field} of the decoder is ${shown(value)}${wanted}`, {
    details: { field },
  })
}

function invalid(field: string, what: string): Error {
  return failure('BASE_INVALID', `the decoder's ${field} ${what}`, { details: { field } })
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
