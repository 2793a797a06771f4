/**
 * Universal Sentence Encoder Lite, top to bottom: ids → two transformer layers → mean → tanh → a unit vector.
 *
 * It differs from the textbook in three places: the embedding is added twice, the norm comes before each block, and the
 * first layer widens 256 to 512, so its residual goes through a separate map.
 *
 * Cer et al. (2018), "Universal Sentence Encoder", arXiv:1803.11175.
 */
import type { Adaptation, Network, NetworkInput, TargetModule } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { unadapted } from '../../nn/head-input.ts'
import { invariant } from '../../platform/errors.ts'
import { attention, linear } from '../bert/attention.ts'

const LAYERS = 2
const HEADS = 4
const EMBEDDING = 256
const WIDTH = 512
const INNER = 1536
const EPSILON = 1e-6

/**
 * Longer texts are truncated. The original truncates at 128; its sinusoidal positions continue, so longer reviews are
 * read further, and a text of up to 128 tokens has the published embedding.
 */
export const USE_LITE_POSITIONS = 256

export const useLiteNetwork: Network = {
  layers: LAYERS,
  width: WIDTH,
  unit: true,
  packs: true,
  latentWidth: widthBelow,

  sites(cut) {
    const layers = Array.from({ length: LAYERS - cut }, (_, index) => layerSites(cut + index))
    return [...layers.flat(), site('pooler', 'pooler', LAYERS, WIDTH, WIDTH)]
  },

  trunk<T>(ops: Ops<T>, input: NetworkInput<T>, cut: number): T {
    return transform(ops, embed(ops, input), input.mask, 0, cut, unadapted())
  },

  tail<T>(ops: Ops<T>, hidden: T, mask: T, cut: number, adaptation: Adaptation<T>): T {
    return transform(ops, hidden, mask, cut, LAYERS, adaptation)
  },

  pool<T>(ops: Ops<T>, positions: T, mask: T, adaptation: Adaptation<T>): T {
    const pooled = ops.maskedMean(positions, mask)
    return ops.unit(ops.tanh(linear(ops, adaptation, 'pooler', pooled)))
  },
}

/** 2 · E[id] + timing[position]: the original adds the embedding to a sum that already contains it. */
function embed<T>(ops: Ops<T>, { ids }: NetworkInput<T>): T {
  invariant(ids !== undefined, 'use-lite reads token ids')
  const embedding = ops.gather(ops.weight('embedding'), ids)
  const timing = ops.positions(ops.weight('timing'), ids)
  return ops.add(ops.add(embedding, embedding), timing)
}

/** Layers [from, to). */
function transform<T>(
  ops: Ops<T>,
  hidden: T,
  mask: T,
  from: number,
  to: number,
  adaptation: Adaptation<T>,
): T {
  if (from === to) return hidden
  const bias = ops.attentionBias(mask)
  let x = hidden
  for (let layer = from; layer < to; layer += 1) {
    x = ops.add(attend(ops, layer, x, bias, adaptation), residual(ops, layer, x, adaptation))
    x = ops.add(feedForward(ops, layer, x, adaptation), x)
    x = adaptation.output(`layer.${layer}`, x, mask)
  }
  return x
}

function attend<T>(ops: Ops<T>, layer: number, x: T, bias: T, adaptation: Adaptation<T>): T {
  const at = `layer.${layer}.attention`
  const h = norm(ops, `${at}.norm`, x, adaptation)
  const query = linear(ops, adaptation, `${at}.query`, h)
  const key = linear(ops, adaptation, `${at}.key`, h)
  const value = linear(ops, adaptation, `${at}.value`, h)
  const heads = attention(ops, { query, key, value, bias }, HEADS, widthBelow(layer) / HEADS)
  return linear(ops, adaptation, `${at}.output`, heads)
}

function residual<T>(ops: Ops<T>, layer: number, x: T, adaptation: Adaptation<T>): T {
  return layer === 0 ? linear(ops, adaptation, 'layer.0.residual', x) : x
}

function feedForward<T>(ops: Ops<T>, layer: number, x: T, adaptation: Adaptation<T>): T {
  const h = norm(ops, `layer.${layer}.norm`, x, adaptation)
  const inner = ops.relu(linear(ops, adaptation, `layer.${layer}.intermediate`, h))
  return linear(ops, adaptation, `layer.${layer}.output`, inner)
}

function norm<T>(ops: Ops<T>, site: string, x: T, adaptation: Adaptation<T>): T {
  const [scale, bias] = [ops.weight(`${site}.scale`), ops.weight(`${site}.bias`)]
  const apply = (scale: T, bias: T) => ops.layerNorm(x, scale, bias, EPSILON)
  return adaptation.norm(site, scale, bias, apply)
}

function widthBelow(layer: number): number {
  return layer === 0 ? EMBEDDING : WIDTH
}

function layerSites(layer: number): readonly TargetModule[] {
  const at = `layer.${layer}`
  const width = widthBelow(layer)
  return [
    normSite(`${at}.attention.norm`, layer, width),
    site(`${at}.attention.query`, 'query', layer, width, width),
    site(`${at}.attention.key`, 'key', layer, width, width),
    site(`${at}.attention.value`, 'value', layer, width, width),
    site(`${at}.attention.output`, 'attention-output', layer, width, WIDTH),
    ...(layer === 0 ? [site(`${at}.residual`, 'residual', layer, width, WIDTH)] : []),
    normSite(`${at}.norm`, layer, WIDTH),
    site(`${at}.intermediate`, 'intermediate', layer, WIDTH, INNER),
    site(`${at}.output`, 'output', layer, INNER, WIDTH),
    { name: at, kind: 'output', role: 'layer', layer, inSize: WIDTH, outSize: WIDTH },
  ]
}

function site(
  name: string,
  role: string,
  layer: number,
  inSize: number,
  outSize: number,
): TargetModule {
  return { name, kind: 'linear', role, layer, inSize, outSize }
}

function normSite(name: string, layer: number, width: number): TargetModule {
  return { ...site(name, 'norm', layer, width, width), kind: 'norm', weight: `${name}.scale` }
}
