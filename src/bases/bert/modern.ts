/**
 * ModernBERT, top to bottom: ids → embeddings and a norm → layers, each attention then a gated feed-forward, both after a norm and
 * added to their input → a norm → the mean over real tokens → a unit vector. Positions are rotary; every third layer attends to
 * the whole text, the others to a window around each token.
 *
 * Weights and target modules have the names of `ModernBertModel`, so an adapter's target modules are PEFT's module paths. Queries,
 * keys and values are one map there.
 *
 * Warner et al. (2024), "Smarter, better, faster, longer: a modern bidirectional encoder", arXiv:2412.13663.
 */
import type { Adaptation, Network, TargetModule } from '../../contracts/network.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/ops.ts'
import { unadapted } from '../../nn/head-input.ts'
import { transposed } from '../../nn/containers/floats.ts'
import { invariant } from '../../platform/errors.ts'
import type { SharedTensors } from '../causal/network.ts'
import { rotaryTables, rotated } from '../causal/rotary.ts'
import { type BertConfig, count, epsilonOf, type Fields, invalid, unsupported } from './network.ts'

export const MODERN_WORDS = 'embeddings.tok_embeddings.weight'
/** Frozen: a norm that has no bias, the tables of the two kinds of layers, and places for the window. */
const NO_BIAS = 'norm.zeros'
const ROW = 'window.row'
const COLUMN = 'window.column'
const attentionKinds = ['full_attention', 'sliding_attention'] as const
type AttentionKind = (typeof attentionKinds)[number]

export interface ModernConfig extends Omit<BertConfig, 'types' | 'activation'> {
  /** Of each layer. */
  readonly kinds: readonly AttentionKind[]
  /** How many tokens to each side a layer with a window attends to. */
  readonly window: number
  readonly ropeBases: Readonly<Record<AttentionKind, number>>
}

export function modernNetwork(config: ModernConfig): Network {
  const { layers, width } = config
  return {
    layers,
    width,
    unit: true,
    latentWidth: () => width,

    sites: (cut) => [
      ...Array.from({ length: layers - cut }, (_, index) => layerSites(config, cut + index)).flat(),
      normSite('final_norm', layers, width),
    ],

    trunk(ops, { ids, mask }, cut) {
      invariant(ids !== undefined, 'an encoder reads token ids')
      const pass = { config, ops, adaptation: unadapted<typeof ids>() }
      const words = ops.gather(ops.weight(MODERN_WORDS), ids)
      return transform(pass, norm(pass, 'embeddings.norm', words), mask, 0, cut)
    },

    tail(ops, hidden, mask, cut, adaptation) {
      const pass = { config, ops, adaptation }
      return norm(pass, 'final_norm', transform(pass, hidden, mask, cut, layers))
    },

    pool: (ops, positions, mask) => ops.unit(ops.maskedMean(positions, mask)),
  }
}

/** One execution of the network: its ops, and its adapter. */
interface Pass<T> {
  readonly config: ModernConfig
  readonly ops: Ops<T>
  readonly adaptation: Adaptation<T>
}

/** Layers [from, to). */
function transform<T>(pass: Pass<T>, hidden: T, mask: T, from: number, to: number): T {
  if (from === to) return hidden
  const { ops, config, adaptation } = pass
  const shared = new Map(
    [...new Set(config.kinds.slice(from, to))].map((kind) => [kind, sharedOf(pass, kind, mask)]),
  )
  let x = hidden
  for (let layer = from; layer < to; layer += 1) {
    const at = `layers.${layer}`
    const kind = shared.get(config.kinds[layer] ?? 'full_attention')
    invariant(kind !== undefined, 'tables of each kind of layer')
    // What the embeddings' norm gives needs no other.
    const normed = layer === 0 ? x : norm(pass, `${at}.attn_norm`, x)
    x = ops.add(x, attend(pass, `${at}.attn`, normed, kind))
    x = ops.add(x, feedForward(pass, `${at}.mlp`, norm(pass, `${at}.mlp_norm`, x)))
    x = adaptation.output(at, x, mask)
  }
  return x
}

function sharedOf<T>(pass: Pass<T>, kind: AttentionKind, mask: T): SharedTensors<T> {
  const { ops } = pass
  const padding = ops.attentionBias(mask)
  return {
    bias: kind === 'full_attention' ? padding : ops.add(padding, windowBias(pass, mask)),
    cos: ops.positions(ops.weight(`${kind}.cos`), mask),
    sin: ops.positions(ops.weight(`${kind}.sin`), mask),
  }
}

/** −1e9 · max(0, |i − j| − window), [1, 1, s, s]: i − j is the product of (i, 1) and (1, −j). */
function windowBias<T>({ ops, config }: Pass<T>, mask: T): T {
  const places = (name: string) => ops.splitHeads(ops.positions(ops.weight(name), mask), 1)
  const between = ops.batchMatMul(places(ROW), places(COLUMN), true)
  const distance = ops.maximum(between, ops.mul(between, ops.scalar(-1)))
  return ops.mul(ops.relu(ops.sub(distance, ops.scalar(config.window))), ops.scalar(-1e9))
}

function attend<T>(pass: Pass<T>, at: string, x: T, { bias, cos, sin }: SharedTensors<T>): T {
  const { ops, config } = pass
  const { heads, width } = config
  const size = width / heads
  const all = linear(pass, `${at}.Wqkv`, x)
  const [query, key, value] = [0, 1, 2].map((part) =>
    ops.splitHeads(ops.columns(all, part * width, (part + 1) * width), heads),
  ) as [T, T, T]
  const turned = (heads: T) => rotated(ops, heads, { cos, sin }, size)
  const scaled = ops.mul(turned(query), ops.scalar(1 / Math.sqrt(size)))
  const weights = ops.softmax(ops.add(ops.batchMatMul(scaled, turned(key), true), bias))
  return linear(pass, `${at}.Wo`, ops.mergeHeads(ops.batchMatMul(weights, value)))
}

/** W_o (gelu(a) ⊙ b), where [a, b] = W_i x. */
function feedForward<T>(pass: Pass<T>, at: string, x: T): T {
  const { ops, config } = pass
  const both = linear(pass, `${at}.Wi`, x)
  const active = ops.gelu(ops.columns(both, 0, config.inner))
  return linear(
    pass,
    `${at}.Wo`,
    ops.mul(active, ops.columns(both, config.inner, 2 * config.inner)),
  )
}

function linear<T>({ ops, adaptation }: Pass<T>, site: string, x: T): T {
  const weight = ops.weight(`${site}.weight`)
  return adaptation.linear(site, x, weight, ops.scalar(0), () => ops.matMul(x, weight))
}

function norm<T>({ ops, adaptation, config }: Pass<T>, site: string, x: T): T {
  return adaptation.norm(site, ops.weight(`${site}.weight`), ops.scalar(0), (scale) =>
    ops.layerNorm(x, scale, ops.weight(NO_BIAS), config.epsilon),
  )
}

function layerSites({ width, inner }: ModernConfig, layer: number): readonly TargetModule[] {
  const at = `layers.${layer}`
  const site = (path: string, role: string, inSize: number, outSize: number): TargetModule => {
    const name = `${at}.${path}`
    return { name, kind: 'linear', role, layer, inSize, outSize, hasBias: false }
  }
  return [
    ...(layer === 0 ? [] : [normSite(`${at}.attn_norm`, layer, width)]),
    // Queries are a part of it; LoRA on queries and values acts here.
    site('attn.Wqkv', 'query', width, 3 * width),
    site('attn.Wo', 'attention-output', width, width),
    normSite(`${at}.mlp_norm`, layer, width),
    site('mlp.Wi', 'intermediate', width, 2 * inner),
    site('mlp.Wo', 'output', inner, width),
    { name: at, kind: 'output', role: 'layer', layer, inSize: width, outSize: width },
  ]
}

function normSite(name: string, layer: number, width: number): TargetModule {
  return { name, kind: 'norm', role: 'norm', layer, inSize: width, outSize: width, hasBias: false }
}

/** `take` gives a tensor by its name in `ModernBertModel`. PyTorch stores a linear map as [out, in]. */
export function takeModernWeights(
  take: (name: string, shape: readonly number[]) => Tensor,
  config: ModernConfig,
): Tensors {
  const { layers, width, inner, positions, vocabulary, heads } = config
  const linear = (site: string, inSize: number, outSize: number) => {
    const name = `${site}.weight`
    return [name, transposed(take(name, [outSize, inSize]))] as const
  }
  const norm = (site: string) => [`${site}.weight`, take(`${site}.weight`, [width])] as const
  const place = (of: (at: number) => readonly [number, number]): Tensor => {
    const data = new Float32Array(2 * positions)
    for (let at = 0; at < positions; at += 1) data.set(of(at), 2 * at)
    return { shape: [positions, 2], data }
  }
  const weights: (readonly [string, Tensor])[] = [
    [MODERN_WORDS, take(MODERN_WORDS, [vocabulary, width])],
    norm('embeddings.norm'),
    norm('final_norm'),
    [NO_BIAS, { shape: [width], data: new Float32Array(width) }],
    [ROW, place((at) => [at, 1])],
    [COLUMN, place((at) => [1, -at])],
  ]
  for (const kind of attentionKinds) {
    const tables = { headSize: width / heads, ropeBase: config.ropeBases[kind] }
    const { cos, sin } = rotaryTables(tables, positions)
    weights.push([`${kind}.cos`, cos], [`${kind}.sin`, sin])
  }
  for (let layer = 0; layer < layers; layer += 1) {
    const at = `layers.${layer}`
    if (layer > 0) weights.push(norm(`${at}.attn_norm`))
    weights.push(linear(`${at}.attn.Wqkv`, width, 3 * width))
    weights.push(linear(`${at}.attn.Wo`, width, width))
    weights.push(norm(`${at}.mlp_norm`))
    weights.push(linear(`${at}.mlp.Wi`, width, 2 * inner))
    weights.push(linear(`${at}.mlp.Wo`, inner, width))
  }
  return new Map(weights)
}

/** The only supported value of a field; absent means that value too. */
const fixed: Fields = {
  hidden_activation: 'gelu',
  norm_bias: false,
  attention_bias: false,
  mlp_bias: false,
  quantization_config: null,
}

/** Of either form: one number for every third layer and two for the angles, or a kind and an angle for each. */
export function parseModernConfig(fields: Fields): ModernConfig {
  for (const [field, value] of Object.entries(fixed))
    if ((fields[field] ?? value) !== value) throw unsupported(field, fields[field])
  const layers = count(fields, 'num_hidden_layers')
  const every = count({ global_attn_every_n_layers: 3, ...fields }, 'global_attn_every_n_layers')
  const usual = Array.from({ length: layers }, (_, layer): AttentionKind =>
    layer % every === 0 ? 'full_attention' : 'sliding_attention',
  )
  const kinds = fields.layer_types ?? usual
  if (!Array.isArray(kinds) || kinds.length !== layers || !kinds.every(isKind))
    throw unsupported('layer_types', kinds)
  const config: ModernConfig = {
    layers,
    kinds,
    heads: count(fields, 'num_attention_heads'),
    width: count(fields, 'hidden_size'),
    inner: count(fields, 'intermediate_size'),
    positions: count(fields, 'max_position_embeddings'),
    vocabulary: count(fields, 'vocab_size'),
    epsilon: epsilonOf(fields.norm_eps ?? 1e-5, 'norm_eps'),
    window: Math.floor(count({ local_attention: 128, ...fields }, 'local_attention') / 2),
    ropeBases: {
      full_attention: ropeBase(fields, 'full_attention', 'global_rope_theta', 160_000),
      sliding_attention: ropeBase(fields, 'sliding_attention', 'local_rope_theta', 10_000),
    },
  }
  if (config.width % (2 * config.heads) !== 0)
    throw invalid(
      'num_attention_heads',
      `does not divide hidden_size ${config.width} in even parts`,
    )
  return config
}

function isKind(value: unknown): value is AttentionKind {
  return attentionKinds.some((kind) => kind === value)
}

function ropeBase(fields: Fields, kind: AttentionKind, older: string, usual: number): number {
  const { [kind]: rope } = (fields.rope_parameters ?? {}) as Readonly<Record<string, Fields | null>>
  const type = rope?.rope_type ?? 'default'
  if (type !== 'default' || (fields.rope_scaling ?? null) !== null)
    throw unsupported('rope_parameters', fields.rope_parameters ?? fields.rope_scaling)
  const theta = rope?.rope_theta ?? fields[older] ?? usual
  if (typeof theta === 'number' && theta > 0 && Number.isFinite(theta)) return theta
  throw invalid(older, 'is not a positive number')
}
