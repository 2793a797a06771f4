/**
 * The sizes and constants of a decoder of the Llama or Gemma family, from `config.json` or the metadata of a GGUF file. A field that
 * changes the equations and is not supported is refused by name: a base that is almost right would be wrong in every answer.
 */
import { dequantized } from '../../nn/containers/gguf-blocks.ts'
import { metadataNumber, type GgufFile } from '../../nn/containers/gguf.ts'
import {
  count,
  invalid,
  objectOf,
  positive,
  unsupported,
  withoutNulls,
  type Fields,
} from './fields.ts'
import { anglesOf, kindOf, scalingOf, type Angles } from './rotary.ts'

/** The sizes, whatever its angles and windows. */
interface CausalSizes {
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
  /** Biases of the maps for queries, keys and values (Qwen2). */
  readonly hasBiases: boolean
  /** Norms of each head's query and key (Qwen3, Gemma 3). */
  readonly hasHeadNorms: boolean
}

export interface CausalConfig extends CausalSizes, Angles {
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

const GEMMA = 'gemma3_text'

/** The differences between the families. */
const families: Readonly<Record<string, Pick<CausalConfig, 'hasBiases' | 'hasHeadNorms'>>> = {
  llama: { hasBiases: false, hasHeadNorms: false },
  qwen2: { hasBiases: true, hasHeadNorms: false },
  qwen3: { hasBiases: false, hasHeadNorms: true },
  [GEMMA]: { hasBiases: false, hasHeadNorms: true },
}

export function isGemma(modelType: unknown): boolean {
  return modelType === GEMMA
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
  const sizes = checked({
    ...family,
    layers: count(fields, 'num_hidden_layers'),
    width,
    heads,
    keyHeads: optional('num_key_value_heads', heads),
    headSize: optional('head_dim', width / heads),
    inner: count(fields, 'intermediate_size'),
    positions: count(fields, 'max_position_embeddings'),
    vocabulary: count(fields, 'vocab_size'),
    epsilon: positive('rms_norm_eps', fields.rms_norm_eps ?? 1e-6),
  })
  if (!hasGemma) {
    const rope = { rope_theta: fields.rope_theta, ...scalingOf(fields.rope_parameters, fields) }
    return { ...sizes, ...anglesOf(rope, 10_000, sizes) }
  }
  const { full_attention: whole, sliding_attention: local } = objectOf(fields.rope_parameters)
  const rope = { rope_theta: fields.rope_theta, ...scalingOf(whole, fields) }
  const localRope = { rope_theta: fields.rope_local_base_freq, ...objectOf(local) }
  const { ropeBase: localRopeBase, ropeDivisors } = anglesOf(localRope, 10_000, sizes)
  if (ropeDivisors)
    throw unsupported('rope_type', kindOf(localRope), 'default where there is a window')
  return {
    ...sizes,
    ...anglesOf(rope, 1_000_000, sizes),
    gemma: {
      queryScalar: positive('query_pre_attn_scalar', fields.query_pre_attn_scalar ?? 256),
      isLocal: localLayers(fields.layer_types, optional('sliding_window_pattern', 6), sizes.layers),
      window: optional('sliding_window', 4096),
      localRopeBase,
    },
  }
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
  const hasGemma = family === 'gemma3'
  const kind = familyOf('general.architecture', hasGemma ? GEMMA : family)
  const number = (key: string) => metadataNumber(file, `${String(family)}.${key}`)
  const optional = (key: string, otherwise: number) =>
    file.metadata.has(`${String(family)}.${key}`) ? number(key) : otherwise
  for (const field of ['attn_logit_softcapping', 'final_logit_softcapping'])
    if (optional(field, 0) !== 0) throw unsupported(field, number(field))
  const [width, heads] = [number('embedding_length'), number('attention.head_count')]
  const words = file.tensors.get('token_embd.weight')?.shape ?? []
  const sizes = checked({
    ...kind,
    layers: number('block_count'),
    width,
    heads,
    keyHeads: optional('attention.head_count_kv', heads),
    headSize: optional('attention.key_length', width / heads),
    inner: number('feed_forward_length'),
    positions: number('context_length'),
    vocabulary: words[0] ?? 0,
    epsilon: positive('epsilon', number('attention.layer_norm_rms_epsilon')),
  })
  const scaling = file.metadata.get(`${String(family)}.rope.scaling.type`) ?? 'linear'
  if (scaling !== 'none' && scaling !== 'linear')
    throw unsupported('rope.scaling.type', scaling, 'none or linear')
  const factor = scaling === 'none' ? 1 : optional('rope.scaling.factor', 1)
  const rope = {
    rope_theta: optional('rope.freq_base', 10_000),
    ...(factor !== 1 && { rope_type: scaling, factor }),
  }
  const angles = { ...anglesOf(rope, 10_000, sizes), ...slowedIn(file, sizes.headSize, factor) }
  if (!hasGemma) return { ...sizes, ...angles }
  const period = optional('attention.sliding_window_pattern', 6)
  return {
    ...sizes,
    ...angles,
    gemma: {
      // The largest, of 62 layers, is the only one whose scalar is another; the file does not hold it.
      queryScalar: sizes.layers === 62 ? width / heads : sizes.headSize,
      isLocal: localLayers(null, count({ period }, 'period'), sizes.layers),
      window: count({ sliding_window: number('attention.sliding_window') }, 'sliding_window'),
      localRopeBase: positive('rope.freq_base_swa', optional('rope.freq_base_swa', 10_000)),
    },
  }
}

/** llama.cpp keeps what Llama 3 divides its frequencies by as a tensor. */
function slowedIn(file: GgufFile, headSize: number, factor: number): Pick<Angles, 'ropeDivisors'> {
  const name = 'rope_freqs.weight'
  const tensor = file.tensors.get(name)
  if (tensor === undefined) return {}
  const { storage, shape, data } = tensor
  if (shape.join() !== String(headSize / 2))
    throw invalid(name, `is [${shape.join()}], not [${headSize / 2}]`)
  const stored = Array.from(dequantized(storage, data))
  return { ropeDivisors: stored.map((each) => factor * positive(name, each)) }
}

function familyOf(field: string, value: unknown) {
  const found = typeof value === 'string' && Object.hasOwn(families, value) && families[value]
  if (found) return found
  throw unsupported(field, value, Object.keys(families).join(', '))
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

function checked(sizes: CausalSizes): CausalSizes {
  const { heads, keyHeads, headSize, positions } = sizes
  for (const [field, limit] of Object.entries(most)) {
    const value = sizes[field as keyof typeof most]
    if (!Number.isSafeInteger(value) || value < 1 || value > limit)
      throw invalid(field, `is ${value}, not from 1 to ${limit}`)
  }
  if (positions * headSize > MOST_ANGLES)
    throw invalid('positions', `is ${positions}, too many for heads of ${headSize}`)
  if (heads % keyHeads !== 0)
    throw invalid('num_key_value_heads', `${keyHeads} does not divide ${heads}`)
  if (headSize % 2 !== 0) throw invalid('head_dim', `${headSize} is odd`)
  return sizes
}
