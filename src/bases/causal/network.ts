/**
 * Decoders of the Llama family: ids → embeddings → layers, each causal attention with rotary positions then a gated
 * feed-forward, both after a norm and added to their input → a norm. The embedding of a text is its last token, as in
 * `LlamaForSequenceClassification`, at about the length that heads expect.
 *
 * Gemma 3 scales its embeddings by √width, in single precision, has norms of 1 + weight, also behind attention and feed-forward,
 * and most of its layers attend to a window.
 *
 * Weights and target modules have the names of `LlamaForCausalLM`, or `Gemma3ForCausalLM`, so an adapter's target modules are
 * PEFT's module paths.
 *
 * Touvron et al. (2023), "LLaMA: open and efficient foundation language models", arXiv:2302.13971; Ainslie et al. (2023),
 * "GQA: training generalized multi-query transformer models", EMNLP; Shazeer (2020), "GLU variants improve transformer"; Gemma
 * Team (2025), "Gemma 3 technical report", arXiv:2503.19786.
 */
import type { Adaptation, Network, NetworkInput, TargetModule } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { geluTanh } from '../../nn/gelu-tanh.ts'
import { unadapted } from '../../nn/head-input.ts'
import { invariant } from '../../platform/errors.ts'
import type { Tensor } from '../../contracts/core.ts'
import type { CausalConfig } from './config.ts'
import { rotated, rotaryTables } from './rotary.ts'

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
      const words = ops.gather(ops.weight(WORDS), ids)
      const scaled = config.gemma ? ops.mul(words, ops.scalar(Math.sqrt(width))) : words
      return transform(pass, scaled, mask, 0, cut)
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
  const { ops, config } = pass
  const attention = attentions(pass, mask)
  let x = hidden
  for (let layer = from; layer < to; layer += 1) {
    const at = `model.layers.${layer}`
    const attended = attention(layer, norm(pass, `${at}.input_layernorm`, x))
    const behind = `${at}.post_attention_layernorm`
    if (config.gemma === undefined) {
      x = ops.add(x, attended)
      x = ops.add(x, feedForward(pass, at, norm(pass, behind, x)))
    } else {
      x = ops.add(x, norm(pass, behind, attended))
      const fed = feedForward(pass, at, norm(pass, `${at}.pre_feedforward_layernorm`, x))
      x = ops.add(x, norm(pass, `${at}.post_feedforward_layernorm`, fed))
    }
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

type Attention<T> = (layer: number, x: T) => T

/** In one operation where the engine has it, which may keep the keys and values of earlier positions. */
function attentions<T>(pass: Pass<T>, mask: T): Attention<T> {
  const { ops, config } = pass
  if (ops.cachedAttention ?? ops.causalAttention) return (layer, x) => attendInOne(pass, layer, x)
  const known = new Map<string, SharedTensors<T>>()
  // One head, which all are turned by.
  const turns = (table: string) => ops.splitHeads(ops.causalPositions(ops.weight(table), mask), 1)
  return (layer, x) => {
    const { name, window } = kindOf(config, layer)
    const shared = known.get(name) ?? {
      bias: ops.causalBias(mask, window),
      cos: turns(`${name}.cos`),
      sin: turns(`${name}.sin`),
    }
    known.set(name, shared)
    return attend(pass, layer, x, shared)
  }
}

/** softmax(q kᵀ / √d + bias) v, where a head of keys and values serves several heads of queries. */
function attend<T>(pass: Pass<T>, layer: number, x: T, { bias, cos, sin }: SharedTensors<T>): T {
  const { config, ops } = pass
  const { heads, keyHeads, headSize, hasBiases } = config
  const at = `model.layers.${layer}.self_attn`
  const split = (role: string, count: number) =>
    ops.splitHeads(linear(pass, `${at}.${role}_proj`, x, hasBiases), count)
  const turned = (role: 'q' | 'k', count: number) => {
    const values = split(role, count)
    const normed = config.hasHeadNorms ? norm(pass, `${at}.${role}_norm`, values) : values
    return rotated(ops, normed, { cos, sin }, headSize)
  }
  const query = ops.mul(turned('q', heads), ops.scalar(scaleOf(config)))
  const key = spread(ops, turned('k', keyHeads), config)
  const value = spread(ops, split('v', keyHeads), config)
  const weights = ops.softmax(ops.add(ops.batchMatMul(query, key, true), bias))
  const merged = ops.mergeHeads(ops.batchMatMul(weights, value))
  return linear(pass, `${at}.o_proj`, merged)
}

function attendInOne<T>(pass: Pass<T>, layer: number, x: T): T {
  const { config, ops } = pass
  const { heads, keyHeads, headSize, hasBiases, hasHeadNorms } = config
  const attention = ops.cachedAttention ?? ops.causalAttention
  invariant(attention, 'an engine without attention was asked for it')
  const at = `model.layers.${layer}.self_attn`
  const { name, window } = kindOf(config, layer)
  const map = (role: string) => linear(pass, `${at}.${role}_proj`, x, hasBiases)
  const normed = (role: 'q' | 'k', count: number) =>
    hasHeadNorms
      ? ops.mergeHeads(norm(pass, `${at}.${role}_norm`, ops.splitHeads(map(role), count)))
      : map(role)
  const attended = attention({
    query: normed('q', heads),
    key: normed('k', keyHeads),
    value: map('v'),
    ...{ heads, keyHeads, headSize, window },
    scale: scaleOf(config),
    cos: ops.weight(`${name}.cos`),
    sin: ops.weight(`${name}.sin`),
  })
  return linear(pass, `${at}.o_proj`, attended)
}

/** The tables of a layer's angles, and the positions that it attends to. */
function kindOf({ gemma }: CausalConfig, layer: number) {
  return gemma?.isLocal[layer] === true
    ? { name: LOCAL_ROTARY, window: gemma.window }
    : { name: ROTARY, window: undefined }
}

function scaleOf({ gemma, headSize }: CausalConfig): number {
  return 1 / Math.sqrt(gemma?.queryScalar ?? headSize)
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

/** W_down (silu(W_gate x) ⊙ W_up x); gelu in Gemma 3. */
function feedForward<T>(pass: Pass<T>, layer: string, x: T): T {
  const { ops, config } = pass
  const opened = linear(pass, `${layer}.mlp.gate_proj`, x)
  const gate = config.gemma ? geluTanh(ops, opened) : ops.silu(opened)
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
  const weight = ops.weight(`${site}.weight`)
  return adaptation.norm(site, weight, ops.scalar(0), (weight) =>
    ops.rmsNorm(x, config.gemma ? ops.add(weight, ops.scalar(1)) : weight, config.epsilon),
  )
}

/** Of Gemma 3, in front of the feed-forward and behind it. */
export const feedForwardNorms = ['pre_feedforward_layernorm', 'post_feedforward_layernorm']

function layerSites(config: CausalConfig, layer: number): readonly TargetModule[] {
  const { width, heads, keyHeads, headSize, inner, hasBiases, hasHeadNorms, gemma } = config
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
    ...(gemma ? feedForwardNorms : []).map((name) => normSite(`${at}.${name}`, layer, width)),
    site('mlp.gate_proj', 'gate', [width, inner]),
    site('mlp.up_proj', 'intermediate', [width, inner]),
    site('mlp.down_proj', 'output', [inner, width]),
    { name: at, kind: 'output', role: 'layer', layer, inSize: width, outSize: width },
  ]
}

function normSite(name: string, layer: number, width: number): TargetModule {
  return { name, kind: 'norm', role: 'norm', layer, inSize: width, outSize: width, hasBias: false }
}

/** The tables of a layer's angles. */
const ROTARY = 'rotary'
/** Of layers with a window. */
const LOCAL_ROTARY = 'rotary.local'

/** The tables of both kinds of layers, by name. */
export function rotaryWeights(config: CausalConfig): readonly (readonly [string, Tensor])[] {
  const { headSize, positions, gemma } = config
  const local = gemma && { headSize, ropeBase: gemma.localRopeBase }
  const kinds = { [ROTARY]: config, ...(local && { [LOCAL_ROTARY]: local }) }
  return Object.entries(kinds).flatMap(([name, angles]) => {
    const { cos, sin } = rotaryTables(angles, positions)
    return [[`${name}.cos`, cos] as const, [`${name}.sin`, sin] as const]
  })
}
