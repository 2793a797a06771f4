/**
 * The encoder of BERT, top to bottom: ids → embeddings → layers, each attention then feed-forward with the norm after
 * the residual sum → the mean over real tokens → a unit vector, as published by sentence-transformers.
 *
 * Weights and target modules have the names of Hugging Face's `BertModel`, so an adapter's target modules are PEFT's
 * module paths.
 *
 * Devlin et al. (2019), "BERT", NAACL; Reimers and Gurevych (2019), "Sentence-BERT", EMNLP.
 */
import type { Adaptation, Network, NetworkInput, TargetModule } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { geluTanh } from '../../nn/gelu-tanh.ts'
import { unadapted } from '../../nn/head-input.ts'
import { invariant, failure } from '../../platform/errors.ts'
import { TYPES } from '../token-pairs.ts'
import { attention, linear } from './attention.ts'

export function bertNetwork(config: BertConfig): Network {
  const { layers, width } = config
  return {
    layers,
    width,
    unit: true,
    packs: true,
    latentWidth: () => width,

    sites: (cut) =>
      Array.from({ length: layers - cut }, (_, index) => layerSites(config, cut + index)).flat(),

    trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T {
      const pass = { config, ops, adaptation: unadapted<T>() }
      return transform(pass, embed(pass, input), input.mask, 0, cut)
    },

    tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T {
      return transform({ config, ops, adaptation }, hidden, mask, cut, layers)
    },

    pool: (ops, positions, mask) => ops.unit(ops.maskedMean(positions, mask)),
  }
}

/** One execution of the network: its ops, and its adapter. */
interface Pass<T> {
  readonly config: BertConfig
  readonly ops: Ops<T>
  readonly adaptation: Adaptation<T>
}

/** norm(word + position + type): a single text has type 0 throughout. */
function embed<T>(pass: Pass<T>, { ids, types }: NetworkInput<T>): T {
  invariant(ids !== undefined, 'bert reads token ids')
  const { ops } = pass
  const word = ops.gather(ops.weight('embeddings.word_embeddings.weight'), ids)
  const position = ops.positions(ops.weight('embeddings.position_embeddings.weight'), ids)
  const type =
    types === undefined ? ops.weight('embeddings.token_type') : ops.gather(ops.weight(TYPES), types)
  return norm(pass, 'embeddings.LayerNorm', ops.add(ops.add(word, position), type))
}

/** Layers [from, to). */
function transform<T>(pass: Pass<T>, hidden: T, mask: T, from: number, to: number): T {
  if (from === to) return hidden
  const bias = pass.ops.attentionBias(mask)
  let x = hidden
  for (let layer = from; layer < to; layer += 1) {
    x = attend(pass, `encoder.layer.${layer}.attention`, x, bias)
    x = feedForward(pass, `encoder.layer.${layer}`, x)
    x = pass.adaptation.output(`encoder.layer.${layer}`, x, mask)
  }
  return x
}

function attend<T>(pass: Pass<T>, at: string, x: T, bias: T): T {
  const { ops, adaptation, config } = pass
  const query = linear(ops, adaptation, `${at}.self.query`, x)
  const key = linear(ops, adaptation, `${at}.self.key`, x)
  const value = linear(ops, adaptation, `${at}.self.value`, x)
  const headSize = config.width / config.heads
  const heads = attention(ops, { query, key, value, bias }, config.heads, headSize)
  const answer = linear(ops, adaptation, `${at}.output.dense`, heads)
  return norm(pass, `${at}.output.LayerNorm`, ops.add(answer, x))
}

function feedForward<T>(pass: Pass<T>, at: string, x: T): T {
  const { ops, adaptation, config } = pass
  const inner = linear(ops, adaptation, `${at}.intermediate.dense`, x)
  const active = activate(ops, config.activation, inner)
  const answer = linear(ops, adaptation, `${at}.output.dense`, active)
  return norm(pass, `${at}.output.LayerNorm`, ops.add(answer, x))
}

function activate<T>(ops: Ops<T>, activation: BertActivation, x: T): T {
  if (activation === 'gelu') return ops.gelu(x)
  return activation === 'relu' ? ops.relu(x) : geluTanh(ops, x)
}

function norm<T>({ ops, config, adaptation }: Pass<T>, site: string, x: T): T {
  const [scale, bias] = [ops.weight(`${site}.weight`), ops.weight(`${site}.bias`)]
  const apply = (scale: T, bias: T) => ops.layerNorm(x, scale, bias, config.epsilon)
  return adaptation.norm(site, scale, bias, apply)
}

function layerSites({ width, inner }: BertConfig, layer: number): readonly TargetModule[] {
  const at = `encoder.layer.${layer}`
  const site = (path: string, role: string, inSize = width, outSize = width): TargetModule => {
    return { name: `${at}.${path}`, kind: 'linear', role, layer, inSize, outSize }
  }
  const norm = (path: string): TargetModule => ({ ...site(path, 'norm'), kind: 'norm' })
  return [
    site('attention.self.query', 'query'),
    site('attention.self.key', 'key'),
    site('attention.self.value', 'value'),
    site('attention.output.dense', 'attention-output'),
    norm('attention.output.LayerNorm'),
    site('intermediate.dense', 'intermediate', width, inner),
    site('output.dense', 'output', inner, width),
    norm('output.LayerNorm'),
    { name: at, kind: 'output', role: 'layer', layer, inSize: width, outSize: width },
  ]
}

/**
 * `config.json` of a BERT-family encoder. An unsupported field that changes the equations is refused by name: a base
 * that is almost right would be wrong in every answer.
 */
export interface BertConfig {
  readonly layers: number
  readonly heads: number
  readonly width: number
  readonly inner: number
  readonly positions: number
  readonly vocabulary: number
  readonly types: number
  readonly epsilon: number
  readonly activation: BertActivation
}

const activations = {
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu-tanh',
  gelu_fast: 'gelu-tanh',
  gelu_pytorch_tanh: 'gelu-tanh',
  relu: 'relu',
} as const
type BertActivation = (typeof activations)[keyof typeof activations]

export type Fields = Readonly<Record<string, unknown>>

/** The families of the same equations, and how far positions of a text begin behind its padding. */
const offsets: Readonly<Record<string, (fields: Fields) => number>> = {
  bert: () => 0,
  ...Object.fromEntries(
    ['roberta', 'xlm-roberta', 'camembert'].map((family) => [
      family,
      (fields: Fields) => 1 + count({ pad_token_id: 1, ...fields }, 'pad_token_id'),
    ]),
  ),
}

/** The only supported value of a field; absent means that value too. */
const fixed: Fields = {
  position_embedding_type: 'absolute',
  is_decoder: false,
  add_cross_attention: false,
  quantization_config: null,
}

/** The rows of the stored table of positions that no text has. */
export function positionOffset(fields: Fields): number {
  const { model_type: family = 'bert' } = fields
  const offset = typeof family === 'string' && Object.hasOwn(offsets, family) && offsets[family]
  if (!offset) throw unsupported('model_type', family)
  return offset(fields)
}

export function parseBertConfig(fields: Fields): BertConfig {
  const offset = positionOffset(fields)
  for (const [field, value] of Object.entries(fixed))
    if ((fields[field] ?? value) !== value) throw unsupported(field, fields[field])
  const config = {
    layers: count(fields, 'num_hidden_layers'),
    heads: count(fields, 'num_attention_heads'),
    width: count(fields, 'hidden_size'),
    inner: count(fields, 'intermediate_size'),
    positions: count(fields, 'max_position_embeddings') - offset,
    vocabulary: count(fields, 'vocab_size'),
    types: count({ type_vocab_size: 2, ...fields }, 'type_vocab_size'),
    epsilon: epsilonOf(fields.layer_norm_eps ?? 1e-12),
    activation: activationOf(fields.hidden_act ?? 'gelu'),
  }
  if (config.positions < 1) throw invalid('max_position_embeddings', `is at most ${offset}`)
  if (config.width % config.heads !== 0)
    throw invalid('num_attention_heads', `does not divide hidden_size ${config.width}`)
  return config
}

export function count(fields: Fields, field: string): number {
  const value = fields[field]
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw invalid(field, `is ${shown(value)}, not a positive integer`)
}

export function epsilonOf(value: unknown, field = 'layer_norm_eps'): number {
  if (typeof value === 'number' && value > 0 && value < 1) return value
  throw invalid(field, `is ${shown(value)}, not a number between 0 and 1`)
}

function activationOf(value: unknown): BertActivation {
  const known: Readonly<Record<string, BertActivation>> = activations
  const activation = typeof value === 'string' && Object.hasOwn(known, value) && known[value]
  if (activation) return activation
  throw unsupported('hidden_act', value)
}

export function unsupported(field: string, value: unknown): Error {
  return failure('BASE_UNSUPPORTED', `config.json: ${field} is ${shown(value)}`, {
    details: { field },
  })
}

export function invalid(field: string, what: string): Error {
  return failure('BASE_INVALID', `config.json: ${field} ${what}`, { details: { field } })
}

function shown(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
}
