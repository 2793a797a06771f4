/**
 * The upper part of EfficientNet-Lite0: the last block and the features above it, over the 7 × 7 places of a picture. A 1 × 1
 * convolution is a linear map of each place, so adapters act on it as on a map of tokens. No place has padding.
 *
 *   layer 0: x [49, 192] → expand to 1152 → each channel's own 3 × 3 filter → project to 320
 *   layer 1: → 1280 features            embedding = their mean over all places, at unit length
 *
 * Each map is followed by a norm with fixed statistics, and all but the projection by relu6. What lies below is in trunk.ts.
 *
 * Tan and Le (2019), "EfficientNet: rethinking model scaling for convolutional neural networks", ICML.
 */
import type { Adaptation, Network, NetworkInput, TargetModule } from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { unadapted } from '../../nn/head-input.ts'
import { invariant } from '../../platform/errors.ts'

export const EPSILON = 1e-3
const BLOCK = '_blocks.15'
const HEAD = '_conv_head'
const HEAD_NORM = '_bn1'
const FEATURES = '_features'
const LAYERS = 2

export interface UpperSizes {
  /** Places along a side of the last maps. */
  readonly side: number
  /** Widths below each layer and above all. */
  readonly widths: readonly [number, number, number]
  /** Width inside the block. */
  readonly inner: number
}

export const lite0: UpperSizes = { side: 7, widths: [192, 320, 1280], inner: 1152 }

export function efficientNetNetwork(sizes: UpperSizes): Network {
  const { side, widths } = sizes
  const modules = [blockSites(sizes), headSites(sizes)]
  return {
    layers: LAYERS,
    width: widths[LAYERS],
    unit: true,
    latentWidth: (cut) => widths[cut] ?? 0,
    sites: (cut) => modules.slice(cut).flat(),

    trunk<T>(ops: Ops<T>, { values, mask }: NetworkInput<T>, cut: number): T {
      invariant(values !== undefined, 'a picture has values, not tokens')
      return layersOf(ops, { hidden: values, mask, side }, [0, cut], unadapted())
    },

    tail: (ops, hidden, mask, cut, adaptation) =>
      layersOf(ops, { hidden, mask, side }, [cut, LAYERS], adaptation),

    pool: (ops, positions, mask) => ops.unit(ops.maskedMean(positions, mask)),
  }
}

interface Places<T> {
  readonly hidden: T
  readonly mask: T
  readonly side: number
}

/** Layers [from, to). */
function layersOf<T>(
  ops: Ops<T>,
  { hidden, mask, side }: Places<T>,
  [from, to]: readonly [number, number],
  adaptation: Adaptation<T>,
): T {
  let x = hidden
  if (from === 0 && to > 0) x = adaptation.output(BLOCK, block(ops, x, side, adaptation), mask)
  if (from < LAYERS && to === LAYERS) {
    const features = normed(ops, HEAD_NORM, map(ops, HEAD, x, adaptation), adaptation)
    x = adaptation.output(FEATURES, relu6(ops, features), mask)
  }
  return x
}

function block<T>(ops: Ops<T>, x: T, side: number, adaptation: Adaptation<T>): T {
  const wide = map(ops, `${BLOCK}._expand_conv`, x, adaptation)
  const expanded = relu6(ops, normed(ops, `${BLOCK}._bn0`, wide, adaptation))
  const filtered = ops.depthwise(expanded, ops.weight(FILTER), side)
  const inner = relu6(ops, normed(ops, `${BLOCK}._bn1`, filtered, adaptation))
  const narrow = map(ops, `${BLOCK}._project_conv`, inner, adaptation)
  return normed(ops, `${BLOCK}._bn2`, narrow, adaptation)
}

/** [k², channels]: nothing trains it. */
export const FILTER = `${BLOCK}._depthwise_conv.weight`

function map<T>(ops: Ops<T>, site: string, x: T, adaptation: Adaptation<T>): T {
  const weight = ops.weight(`${site}.weight`)
  return adaptation.linear(site, x, weight, ops.scalar(0), () => ops.matMul(x, weight))
}

/** x·s + (bias − mean·s), s = scale / √(variance + ε): the batch's statistics are those of the pretraining. */
function normed<T>(ops: Ops<T>, site: string, x: T, adaptation: Adaptation<T>): T {
  const [scale, bias] = [ops.weight(`${site}.weight`), ops.weight(`${site}.bias`)]
  const variance = ops.add(ops.weight(`${site}.running_var`), ops.scalar(EPSILON))
  return adaptation.norm(site, scale, bias, (scale, bias) => {
    const s = ops.div(scale, ops.sqrt(variance))
    return ops.add(ops.mul(x, s), ops.sub(bias, ops.mul(ops.weight(`${site}.running_mean`), s)))
  })
}

function relu6<T>(ops: Ops<T>, x: T): T {
  return ops.sub(ops.relu(x), ops.relu(ops.sub(x, ops.scalar(6))))
}

function blockSites({ widths: [below, above], inner }: UpperSizes): readonly TargetModule[] {
  return [
    linearSite(`${BLOCK}._expand_conv`, 'expand', 0, below, inner),
    normSite(`${BLOCK}._bn0`, 0, inner),
    normSite(`${BLOCK}._bn1`, 0, inner),
    linearSite(`${BLOCK}._project_conv`, 'project', 0, inner, above),
    normSite(`${BLOCK}._bn2`, 0, above),
    outputSite(BLOCK, 0, above),
  ]
}

function headSites({ widths: [, below, above] }: UpperSizes): readonly TargetModule[] {
  return [
    linearSite(HEAD, 'features', 1, below, above),
    normSite(HEAD_NORM, 1, above),
    outputSite(FEATURES, 1, above),
  ]
}

function linearSite(
  name: string,
  role: string,
  layer: number,
  inSize: number,
  outSize: number,
): TargetModule {
  return { name, kind: 'linear', role, layer, inSize, outSize, hasBias: false }
}

function normSite(name: string, layer: number, width: number): TargetModule {
  return { name, kind: 'norm', role: 'norm', layer, inSize: width, outSize: width }
}

function outputSite(name: string, layer: number, width: number): TargetModule {
  return { name, kind: 'output', role: 'layer', layer, inSize: width, outSize: width }
}
