/**
 * Standardise, then layers of rectified units; the embedding holds the inputs beside the last hidden layer, so that a
 * head on it is never worse than a linear model. Without this shortcut it is the hidden layer alone: the plain MLP.
 *
 *   z = clip((x − μ) / σ, ±5)            r = the same with the recent μ, σ            0 where x is missing
 *   h₀ = [z | hashed],  hₗ = relu(hₗ₋₁·Wₗ + bₗ)            embedding = [z | hashed | r | hₗ]
 *
 * Statistics change with the stream, so the frozen trunk is empty at every cut: it answers its input.
 */
import type { Adaptation, Network, NetworkInput, Ops, Site } from '../contracts.ts'
import { invariant } from '../runtime/errors.ts'
import type { FeaturesLayout } from './features-layout.ts'
import { STATISTICS } from './features-statistics.ts'

/** A number further from the mean counts as this many deviations: one outlier must not undo what was learned. */
const CLIP = 5
const SMALLEST_VARIANCE = 1e-12

export function hiddenName(layer: number): string {
  return `hidden.${layer}`
}

export function featuresNetwork(layout: FeaturesLayout): Network {
  const { standardised, hashed, flags, hidden, window, shortcut } = layout
  const size = standardised + hashed
  const recent = window === undefined ? 0 : standardised
  const direct = shortcut ? size : 0
  return {
    layers: hidden.length,
    width: direct + recent + (hidden.at(-1) ?? 0),
    unit: false,
    ...(recent > 0 && { momentary: [direct, direct + recent] as const }),
    latentWidth: () => size + flags,
    sites: (cut) => hidden.map((_, layer) => siteOf(layer, layout)).slice(cut),
    trunk<T>(_ops: Ops<T>, { values }: NetworkInput<T>): T {
      invariant(values !== undefined, 'features reads vectors')
      return values
    },
    tail: (ops, values, _mask, _cut, adaptation) => embed(ops, values, layout, adaptation),
  }
}

function siteOf(layer: number, { standardised, hashed, hidden }: FeaturesLayout): Site {
  return {
    name: hiddenName(layer),
    kind: 'linear',
    role: 'hidden',
    layer,
    inSize: hidden[layer - 1] ?? standardised + hashed,
    outSize: hidden[layer] ?? 0,
  }
}

function embed<T>(
  ops: Ops<T>,
  values: T,
  { standardised: n, hashed, flags, asTheyAre, hidden, window, shortcut }: FeaturesLayout,
  adaptation: Adaptation<T>,
): T {
  const isAll = hashed + flags === 0
  const x = n === 0 ? undefined : isAll ? values : ops.columns(values, 0, n)
  const given = flags === 0 ? undefined : ops.columns(values, n + hashed, n + hashed + flags)
  const standardise = (at: number): T[] => {
    if (x === undefined || asTheyAre) return x === undefined ? [] : [x]
    const statistics = ops.param(STATISTICS)
    const mean = ops.columns(statistics, at * n, (at + 1) * n)
    const variance = ops.columns(statistics, (at + 1) * n, (at + 2) * n)
    const deviation = ops.sqrt(ops.maximum(variance, ops.scalar(SMALLEST_VARIANCE)))
    const z = clipped(ops, ops.div(ops.sub(x, mean), deviation))
    return [given === undefined ? z : ops.mul(z, given)]
  }
  const categories = hashed === 0 ? [] : [clipped(ops, ops.columns(values, n, n + hashed))]
  const inputs = joined(ops, [...standardise(0), ...categories])
  const recent = window === undefined ? [] : standardise(2)
  let h = inputs
  for (const layer of hidden.keys()) h = ops.relu(linear(ops, h, layer, adaptation))
  const direct = shortcut ? [inputs] : []
  return joined(ops, [...direct, ...recent, ...(hidden.length > 0 ? [h] : [])])
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
function clipped<T>(ops: Ops<T>, x: T): T {
  const below = ops.maximum(ops.sub(ops.scalar(0), x), ops.scalar(-CLIP))
  return ops.maximum(ops.sub(ops.scalar(0), below), ops.scalar(-CLIP))
}
