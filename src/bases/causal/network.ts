/**
 * Decoders of the Llama family: ids → embeddings → layers, each causal attention with rotary positions then a gated
 * feed-forward, both after a norm and added to their input → a norm. The embedding of a text is its last token, as in
 * `LlamaForSequenceClassification`, at about the length that heads expect.
 *
 * Weights and target modules have the names of `LlamaForCausalLM`, so an adapter's target modules are PEFT's module paths.
 *
 * Touvron et al. (2023), "LLaMA: open and efficient foundation language models", arXiv:2302.13971; Ainslie et al. (2023),
 * "GQA: training generalized multi-query transformer models", EMNLP; Shazeer (2020), "GLU variants improve transformer".
 */
import type { Adaptation, Network, NetworkInput, TargetModule } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { unadapted } from '../../nn/head-input.ts'
import { invariant } from '../../platform/errors.ts'
import type { Tensor } from '../../contracts/core.ts'
import type { CausalConfig } from './config.ts'

/** Scales the last token's vector to length ten, as a text base's unit vector times the scale of its head. */
export const POOL_SCALE = 'pool.scale'
export const WORDS = 'model.embed_tokens.weight'
/** Present if it is not `WORDS` that logits are computed by. */
export const HEAD = 'lm_head.weight'
const LAST_NORM = 'model.norm'

/** `head`: the weight that logits of the next token are computed by; absent in a model without a head. */
export function causalNetwork(config: CausalConfig, head?: string): Network {
  const { layers, width } = config
  return {
    layers,
    width,
    unit: false,
    ...(head !== undefined && { vocabulary: { size: config.vocabulary, weight: head } }),
    latentWidth: () => width,

    sites: (cut) => [
      ...Array.from({ length: layers - cut }, (_, index) => layerSites(config, cut + index)).flat(),
      normSite(LAST_NORM, layers, width),
    ],

    trunk<T>(ops: Ops<T>, { ids, mask }: NetworkInput<T>, cut: number): T {
      invariant(ids !== undefined, 'a decoder reads token ids')
      const pass = { config, ops, adaptation: unadapted<T>() }
      return transform(pass, ops.gather(ops.weight(WORDS), ids), mask, 0, cut)
    },

    tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T {
      const pass = { config, ops, adaptation }
      return norm(pass, LAST_NORM, transform(pass, hidden, mask, cut, layers))
    },

    pool: (ops, positions, mask) =>
      ops.mul(ops.lastPosition(positions, mask), ops.weight(POOL_SCALE)),
  }
}

/** One execution of the network: its ops, and its adapter. */
interface Pass<T> {
  readonly config: CausalConfig
  readonly ops: Ops<T>
  readonly adaptation: Adaptation<T>
}

/** Layers [from, to). */
function transform<T>(pass: Pass<T>, hidden: T, mask: T, from: number, to: number): T {
  if (from === to) return hidden
  const { ops } = pass
  const isOne = ops.cachedAttention ?? ops.causalAttention
  const shared = isOne ? undefined : sharedOf(ops, mask)
  let x = hidden
  for (let layer = from; layer < to; layer += 1) {
    const at = `model.layers.${layer}`
    x = ops.add(x, attend(pass, at, norm(pass, `${at}.input_layernorm`, x), shared))
    x = ops.add(x, feedForward(pass, at, norm(pass, `${at}.post_attention_layernorm`, x)))
    x = pass.adaptation.output(at, x, mask)
  }
  return x
}

/** What all layers of a kind share. */
export interface SharedTensors<T> {
  readonly bias: T
  readonly cos: T
  readonly sin: T
}

function sharedOf<T>(ops: Ops<T>, mask: T): SharedTensors<T> {
  return {
    bias: ops.causalBias(mask),
    cos: ops.positions(ops.weight(ROTARY_COS), mask),
    sin: ops.positions(ops.weight(ROTARY_SIN), mask),
  }
}

/** softmax(q kᵀ / √d + bias) v, where a head of keys and values serves several heads of queries. */
function attend<T>(pass: Pass<T>, layer: string, x: T, shared: SharedTensors<T> | undefined): T {
  const { config, ops } = pass
  if (shared === undefined) return attendInOne(pass, layer, x)
  const { bias, cos, sin } = shared
  const { heads, keyHeads, headSize, hasBiases } = config
  const at = `${layer}.self_attn`
  const split = (role: string, count: number) =>
    ops.splitHeads(linear(pass, `${at}.${role}_proj`, x, hasBiases), count)
  const turned = (role: 'q' | 'k', count: number) => {
    const values = split(role, count)
    const normed = config.hasHeadNorms ? norm(pass, `${at}.${role}_norm`, values) : values
    return rotated(ops, normed, { cos, sin }, headSize)
  }
  const query = ops.mul(turned('q', heads), ops.scalar(1 / Math.sqrt(headSize)))
  const key = spread(ops, turned('k', keyHeads), config)
  const value = spread(ops, split('v', keyHeads), config)
  const weights = ops.softmax(ops.add(ops.batchMatMul(query, key, true), bias))
  const merged = ops.mergeHeads(ops.batchMatMul(weights, value))
  return linear(pass, `${at}.o_proj`, merged)
}

/** The same where the engine has it in one operation, and may keep the keys and values of earlier positions. */
function attendInOne<T>(pass: Pass<T>, layer: string, x: T): T {
  const { config, ops } = pass
  const { heads, keyHeads, headSize, hasBiases, hasHeadNorms } = config
  const attention = ops.cachedAttention ?? ops.causalAttention
  invariant(attention, 'an engine without attention was asked for it')
  const at = `${layer}.self_attn`
  const map = (role: string) => linear(pass, `${at}.${role}_proj`, x, hasBiases)
  const normed = (role: 'q' | 'k', count: number) =>
    hasHeadNorms
      ? ops.mergeHeads(norm(pass, `${at}.${role}_norm`, ops.splitHeads(map(role), count)))
      : map(role)
  const attended = attention({
    query: normed('q', heads),
    key: normed('k', keyHeads),
    value: map('v'),
    ...{ heads, keyHeads, headSize },
    cos: ops.weight(ROTARY_COS),
    sin: ops.weight(ROTARY_SIN),
  })
  return linear(pass, `${at}.o_proj`, attended)
}

/** [b, keyHeads, s, d] → [b, heads, s, d]: each head as often as queries share it. */
function spread<T>(ops: Ops<T>, x: T, { heads, keyHeads, headSize }: CausalConfig): T {
  if (heads === keyHeads) return x
  const merged = ops.mergeHeads(x)
  const parts = Array.from({ length: keyHeads }, (_, head) =>
    ops.columns(merged, head * headSize, (head + 1) * headSize),
  )
  const repeated = parts.flatMap((part) => Array.from({ length: heads / keyHeads }, () => part))
  return ops.splitHeads(ops.concat(repeated), heads)
}

/** W_down (silu(W_gate x) ⊙ W_up x). */
function feedForward<T>(pass: Pass<T>, layer: string, x: T): T {
  const { ops } = pass
  const gate = ops.silu(linear(pass, `${layer}.mlp.gate_proj`, x))
  return linear(
    pass,
    `${layer}.mlp.down_proj`,
    ops.mul(gate, linear(pass, `${layer}.mlp.up_proj`, x)),
  )
}

function linear<T>({ ops, adaptation }: Pass<T>, site: string, x: T, hasBias = false): T {
  const weight = ops.weight(`${site}.weight`)
  const bias = hasBias ? ops.weight(`${site}.bias`) : ops.scalar(0)
  return adaptation.linear(site, x, weight, bias, () => {
    const product = ops.matMul(x, weight)
    return hasBias ? ops.add(product, bias) : product
  })
}

function norm<T>({ ops, adaptation, config }: Pass<T>, site: string, x: T): T {
  const scale = ops.weight(`${site}.weight`)
  return adaptation.norm(site, scale, ops.scalar(0), (scale) =>
    ops.rmsNorm(x, scale, config.epsilon),
  )
}

function layerSites(config: CausalConfig, layer: number): readonly TargetModule[] {
  const { width, heads, keyHeads, headSize, inner, hasBiases, hasHeadNorms } = config
  const at = `model.layers.${layer}`
  const site = (
    path: string,
    role: string,
    [inSize, outSize]: readonly [number, number],
    hasBias = false,
  ): TargetModule => {
    const module = { name: `${at}.${path}`, kind: 'linear' as const, role, layer, inSize, outSize }
    return hasBias ? module : { ...module, hasBias }
  }
  const norms = hasHeadNorms ? ['q_norm', 'k_norm'] : []
  return [
    normSite(`${at}.input_layernorm`, layer, width),
    site('self_attn.q_proj', 'query', [width, heads * headSize], hasBiases),
    site('self_attn.k_proj', 'key', [width, keyHeads * headSize], hasBiases),
    site('self_attn.v_proj', 'value', [width, keyHeads * headSize], hasBiases),
    ...norms.map((name) => normSite(`${at}.self_attn.${name}`, layer, headSize)),
    site('self_attn.o_proj', 'attention-output', [heads * headSize, width]),
    normSite(`${at}.post_attention_layernorm`, layer, width),
    site('mlp.gate_proj', 'gate', [width, inner]),
    site('mlp.up_proj', 'intermediate', [width, inner]),
    site('mlp.down_proj', 'output', [inner, width]),
    { name: at, kind: 'output', role: 'layer', layer, inSize: width, outSize: width },
  ]
}

function normSite(name: string, layer: number, width: number): TargetModule {
  return { name, kind: 'norm', role: 'norm', layer, inSize: width, outSize: width, hasBias: false }
}

/**
 * Rotary positions: each pair of numbers (x[i], x[i + d/2]) of a head is turned by the angle position · base^(−2i/d).
 *
 *   y = x ⊙ cos + turn(x) ⊙ sin,   turn(x) = [−x[d/2…], x[…d/2]]
 *
 * Su et al. (2021), "RoFormer: enhanced transformer with rotary position embedding", arXiv:2104.09864.
 */

const ROTARY_COS = 'rotary.cos'
const ROTARY_SIN = 'rotary.sin'

/** x [b, heads, s, d]; cos and sin [1, s, d]. */
export function rotated<T>(
  ops: Ops<T>,
  x: T,
  { cos, sin }: { readonly cos: T; readonly sin: T },
  size: number,
): T {
  const half = size / 2
  const turned = ops.concat([
    ops.mul(ops.columns(x, half, size), ops.scalar(-1)),
    ops.columns(x, 0, half),
  ])
  return ops.add(ops.mul(x, cos), ops.mul(turned, sin))
}

/** Tables [positions, d], rounded where the published model rounds: frequencies and angles are single precision there. */
export function rotaryTables(
  { headSize, ropeBase }: Pick<CausalConfig, 'headSize' | 'ropeBase'>,
  positions: number,
): readonly (readonly [string, Tensor])[] {
  const half = headSize / 2
  const frequencies = Array.from({ length: half }, (_, pair) =>
    Math.fround(1 / Math.fround(ropeBase ** Math.fround((2 * pair) / headSize))),
  )
  const table = (of: (angle: number) => number): Tensor => {
    const data = new Float32Array(positions * headSize)
    for (let at = 0; at < data.length; at += 1) {
      const angle = Math.floor(at / headSize) * (frequencies[at % half] ?? 0)
      data[at] = of(Math.fround(angle))
    }
    return { shape: [positions, headSize], data }
  }
  return [
    [ROTARY_COS, table(Math.cos)],
    [ROTARY_SIN, table(Math.sin)],
  ]
}
