/**
 * The tensors of a decoder in the form of the network: matrices [in, out], where both file formats store [out, in].
 * Tensors that the network does not read (such as rotary buffers) are ignored.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { areFinite, StoredNumbers, toFloat32, transposed } from '../../nn/containers/floats.ts'
import type { GgufFile } from '../../nn/containers/gguf.ts'
import { dequantized } from '../../nn/containers/gguf-blocks.ts'
import type { StoredTensor } from '../../nn/containers/safetensors.ts'
import { failure } from '../../platform/errors.ts'
import type { CausalConfig } from './config.ts'
import { feedForwardNorms, HEAD, POOL_SCALE, WORDS, rotaryWeights } from './network.ts'

/** The product of a unit vector and the scale of a head on it (`tasks/classification`). */
const HEAD_LENGTH = 10

/** Looks a tensor up by its name in `LlamaForCausalLM`, [out, in]; undefined if there is none. */
type Find = (name: string) => Tensor | undefined

/** Reads the safetensors files of a Hugging Face folder. */
export function causalWeights(
  stored: ReadonlyMap<string, StoredTensor>,
  config: CausalConfig,
  isTied: boolean,
): Tensors {
  return takeWeights((name) => {
    if (isTied && name === HEAD) return undefined
    // A bare `LlamaModel` has no prefix.
    const found = [name, name.replace(/^model\./, '')].find((known) => stored.has(known))
    const tensor = found === undefined ? undefined : stored.get(found)
    return tensor && new StoredNumbers(tensor.shape, () => finite(toFloat32(tensor, name), name))
  }, config)
}

/** Reads a GGUF file. Only `llama` has its queries and keys in another order there, and the norms of Gemma have 1 added. */
export function causalWeightsOf(file: GgufFile, config: CausalConfig): Tensors {
  const { gemma } = config
  const names = gemma ? { ...ggufNames, ...gemmaNames } : ggufNames
  const isPermuted = file.metadata.get('general.architecture') === 'llama'
  return takeWeights((name) => {
    const tensor = file.tensors.get(ggufName(name, names))
    if (tensor === undefined) return undefined
    const { shape, storage, data } = tensor
    const heads = isPermuted && rolesInPairs[name.split('.').at(-2) ?? '']
    return new StoredNumbers(shape, () => {
      const values = finite({ shape, data: dequantized(storage, data) }, name)
      if (gemma && name.endsWith('norm.weight')) return without1(values)
      return heads ? unpaired(values, config[heads]) : values
    })
  }, config)
}

const rolesInPairs: Readonly<Record<string, 'heads' | 'keyHeads'>> = {
  q_proj: 'heads',
  k_proj: 'keyHeads',
}

const ggufNames: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
}

const gemmaNames: Readonly<Record<string, string>> = {
  post_attention_layernorm: 'post_attention_norm',
  pre_feedforward_layernorm: 'ffn_norm',
  post_feedforward_layernorm: 'post_ffw_norm',
}

function ggufName(name: string, names: typeof ggufNames): string {
  if (name === WORDS) return 'token_embd.weight'
  if (name === HEAD) return 'output.weight'
  if (name === 'model.norm.weight') return 'output_norm.weight'
  const [, , layer = '', ...rest] = name.split('.')
  const kind = rest.pop() ?? ''
  return `blk.${layer}.${names[rest.join('.')] ?? rest.join('.')}.${kind}`
}

function without1({ shape, data }: Tensor): Tensor {
  return { shape, data: data.map((value) => value - 1) }
}

/**
 * llama.cpp turns neighbouring numbers of a head, Hugging Face its halves, so the rows are stored in pairs: undone here.
 * The rows of a head are [d/2, 2] there and [2, d/2] here.
 */
function unpaired({ shape, data }: Tensor, heads: number): Tensor {
  const [rows = 0, columns = 1] = shape
  const size = rows / heads
  const half = size / 2
  const ordered = new Float32Array(data.length)
  for (let row = 0; row < rows; row += 1) {
    const [head, within] = [Math.floor(row / size), row % size]
    const from = head * size + (within % half) * 2 + Math.floor(within / half)
    ordered.set(data.subarray(from * columns, (from + 1) * columns), row * columns)
  }
  return { shape, data: ordered }
}

function takeWeights(find: Find, config: CausalConfig): Tensors {
  const { layers, width, heads, keyHeads, headSize, inner, vocabulary, gemma } = config
  const take = (name: string, ...shape: readonly number[]): Tensor => {
    const tensor = find(name)
    if (tensor === undefined) throw invalid(name, 'is missing')
    if (tensor.shape.join() !== shape.join())
      throw invalid(name, `is [${tensor.shape.join()}], but its config says [${shape.join()}]`)
    return tensor
  }
  const weights = new Map<string, Tensor>(rotaryWeights(config))
  const norm = (name: string, size = width) =>
    weights.set(`${name}.weight`, take(`${name}.weight`, size))
  const linear = (name: string, inSize: number, outSize: number, hasBias = false) => {
    const stored = take(`${name}.weight`, outSize, inSize)
    weights.set(`${name}.weight`, new StoredNumbers([inSize, outSize], () => transposed(stored)))
    if (hasBias) weights.set(`${name}.bias`, take(`${name}.bias`, outSize))
  }
  weights.set(WORDS, take(WORDS, vocabulary, width))
  // A row for each token, as in the embedding, so not transposed.
  if (find(HEAD) !== undefined) weights.set(HEAD, take(HEAD, vocabulary, width))
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `model.layers.${layer}`
    norm(`${at}.input_layernorm`)
    linear(`${at}.self_attn.q_proj`, width, heads * headSize, config.hasBiases)
    linear(`${at}.self_attn.k_proj`, width, keyHeads * headSize, config.hasBiases)
    linear(`${at}.self_attn.v_proj`, width, keyHeads * headSize, config.hasBiases)
    if (config.hasHeadNorms) norm(`${at}.self_attn.q_norm`, headSize)
    if (config.hasHeadNorms) norm(`${at}.self_attn.k_norm`, headSize)
    linear(`${at}.self_attn.o_proj`, heads * headSize, width)
    norm(`${at}.post_attention_layernorm`)
    for (const name of gemma ? feedForwardNorms : []) norm(`${at}.${name}`)
    linear(`${at}.mlp.gate_proj`, width, inner)
    linear(`${at}.mlp.up_proj`, width, inner)
    linear(`${at}.mlp.down_proj`, inner, width)
  }
  norm('model.norm')
  weights.set(POOL_SCALE, poolScale(take('model.norm.weight', width), gemma ? 1 : 0))
  return weights
}

/** A scale of a block that is NaN makes all answers NaN. */
function finite(tensor: Tensor, name: string): Tensor {
  if (areFinite(tensor.data)) return tensor
  throw invalid(name, 'holds a number that is not finite')
}

/** After the last norm a vector is about as long as the norm's scale: its weights, and what they are added to. */
function poolScale({ data }: Tensor, offset: number): Tensor {
  const length = Math.sqrt(data.reduce((sum, value) => sum + (value + offset) ** 2, 0))
  return { shape: [1], data: Float32Array.of(length > 0 ? HEAD_LENGTH / length : 1) }
}

function invalid(tensor: string, what: string): Error {
  return failure('BASE_INVALID', `the weights of the decoder: ${tensor} ${what}`, {
    details: { tensor },
  })
}
