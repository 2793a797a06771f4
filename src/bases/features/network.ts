/**
 * Standardises, then applies layers of rectified units; the embedding contains the inputs beside the last hidden layer,
 * so that a head on it is never worse than a linear model. Without this shortcut it is only the hidden layer: the plain
 * MLP.
 *
 *   z = clip((x − μ) / σ, ±5)            r = the same with the recent μ, σ            0 if x is missing
 *   e = [clip(B·(z − c_b), ±1)]          the B pieces of z between −1 and 1, c_b their middles
 *   h₀ = [z | e | hashed],  hₗ = relu(hₗ₋₁·Wₗ + bₗ)        embedding = [z | e | hashed | r | hₗ]
 *
 * Statistics change with the stream, so the frozen trunk is empty at every cut: it returns its input. Only r of an
 * example that was learned earlier keeps its value of that moment.
 *
 * e: Gorishniy, Rubachev, Babenko (2022), "On embeddings for numerical features in tabular deep learning", NeurIPS.
 */
import type {
  Adaptation,
  ComparedInput,
  Network,
  NetworkInput,
  TargetModule,
} from '../../contracts/network.ts'
import type { Ops } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import { type FeaturesLayout, inputSize, recentAt, STATISTICS, vectorSize } from './layout.ts'
import { CLIP, SMALLEST_VARIANCE } from './statistics.ts'

/** A row of ones, which spreads a vector's flag over the columns that it refers to. */
export const SPREAD = 'recent.spread'

export function hiddenName(layer: number): string {
  return `hidden.${layer}`
}

export function featuresNetwork(layout: FeaturesLayout): Network {
  const { standardised, hidden, window, shortcut } = layout
  const recent = window === undefined ? 0 : standardised
  const direct = shortcut ? inputSize(layout) : 0
  return {
    layers: hidden.length,
    width: direct + recent + (hidden.at(-1) ?? 0),
    unit: false,
    latentWidth: () => vectorSize(layout),
    sites: (cut) => hidden.map((_, layer) => siteOf(layer, layout)).slice(cut),
    trunk<T>(_ops: Ops<T>, { values }: NetworkInput<T>): T {
      invariant(values !== undefined, 'the features base reads vectors, not tokens')
      return values
    },
    tail: (ops, values, _mask, _cut, adaptation) => embed(ops, values, layout, adaptation),
    pool: (_ops, embedding) => embedding,
    ...(!layout.asTheyAre && { compared: comparedInput(layout) }),
  }
}

/** [z | hashed] */
function comparedInput(layout: FeaturesLayout): ComparedInput {
  const { standardised: n, hashed } = layout
  return {
    numbers: recentAt(layout),
    width: n + hashed,
    of(ops, values) {
      const z = n === 0 ? [] : [standardiser(ops, values, layout)(0)]
      const categories =
        hashed === 0 ? [] : [clipped(ops, ops.columns(values, n, n + hashed), CLIP)]
      return joined(ops, [...z, ...categories])
    },
  }
}

function siteOf(layer: number, layout: FeaturesLayout): TargetModule {
  const { hidden } = layout
  return {
    name: hiddenName(layer),
    kind: 'linear',
    role: 'hidden',
    layer,
    inSize: hidden[layer - 1] ?? inputSize(layout),
    outSize: hidden[layer] ?? 0,
  }
}

function embed<T>(ops: Ops<T>, values: T, layout: FeaturesLayout, adaptation: Adaptation<T>): T {
  const { standardised: n, hashed, bins, hidden, window, shortcut } = layout
  const numbers = standardiser(ops, values, layout)
  const z = n === 0 ? undefined : numbers(0)
  const pieces = z === undefined ? [] : piecewise(ops, z, bins)
  const given = pieces.length === 0 ? undefined : givenOf(ops, values, layout)
  const e = given === undefined ? pieces : pieces.map((piece) => ops.mul(piece, given))
  const categories = hashed === 0 ? [] : [clipped(ops, ops.columns(values, n, n + hashed), CLIP)]
  const inputs = joined(ops, [...(z === undefined ? [] : [z]), ...e, ...categories])
  const recent = window === undefined || n === 0 ? [] : [recentOf(ops, values, numbers(2), layout)]
  let h = inputs
  for (const layer of hidden.keys()) h = ops.relu(linear(ops, h, layer, adaptation))
  const direct = shortcut ? [inputs] : []
  return joined(ops, [...direct, ...recent, ...(hidden.length > 0 ? [h] : [])])
}

/** Standardises by the mean and variance at this place of the statistics. */
function standardiser<T>(ops: Ops<T>, values: T, layout: FeaturesLayout): (at: number) => T {
  const { standardised: n, asTheyAre } = layout
  const given = givenOf(ops, values, layout)
  return (at) => {
    const x = vectorSize(layout) === n ? values : ops.columns(values, 0, n)
    if (asTheyAre) return x
    const statistics = ops.param(STATISTICS)
    const mean = ops.columns(statistics, at * n, (at + 1) * n)
    const variance = ops.columns(statistics, (at + 1) * n, (at + 2) * n)
    const deviation = ops.sqrt(ops.maximum(variance, ops.scalar(SMALLEST_VARIANCE)))
    const z = clipped(ops, ops.div(ops.sub(x, mean), deviation), CLIP)
    return given === undefined ? z : ops.mul(z, given)
  }
}

function givenOf<T>(
  ops: Ops<T>,
  values: T,
  { standardised, hashed, flags }: FeaturesLayout,
): T | undefined {
  const from = standardised + hashed
  return flags === 0 ? undefined : ops.columns(values, from, from + flags)
}

function piecewise<T>(ops: Ops<T>, z: T, bins: number): T[] {
  return Array.from({ length: bins }, (_, bin) => {
    const middle = (2 * bin + 1) / bins - 1
    const stretched = ops.mul(ops.sub(z, ops.scalar(middle)), ops.scalar(bins))
    return clipped(ops, stretched, 1)
  })
}

/** flag · written + (1 − flag) · r: the written value, or the present one. */
function recentOf<T>(ops: Ops<T>, values: T, r: T, layout: FeaturesLayout): T {
  const from = recentAt(layout)
  const to = from + layout.standardised
  const mark = ops.matMul(ops.columns(values, to, to + 1), ops.weight(SPREAD))
  const written = ops.mul(mark, ops.columns(values, from, to))
  return ops.add(written, ops.mul(ops.sub(ops.scalar(1), mark), r))
}

function linear<T>(ops: Ops<T>, x: T, layer: number, adaptation: Adaptation<T>): T {
  const site = hiddenName(layer)
  const weight = ops.weight(`${site}.weight`)
  const bias = ops.weight(`${site}.bias`)
  return adaptation.linear(site, x, weight, bias, () => ops.add(ops.matMul(x, weight), bias))
}

function joined<T>(ops: Ops<T>, parts: readonly T[]): T {
  const [only, ...others] = parts
  return only !== undefined && others.length === 0 ? only : ops.concat(parts)
}

/** min(a, b) = −max(−a, −b). */
function clipped<T>(ops: Ops<T>, x: T, most: number): T {
  const below = ops.maximum(ops.sub(ops.scalar(0), x), ops.scalar(-most))
  return ops.maximum(ops.sub(ops.scalar(0), below), ops.scalar(-most))
}
