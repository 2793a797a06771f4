/**
 * Mean and variance of each column, counted online over all events and, beside it, over the recent ones.
 *
 *   all:     δ = x − μ,  μ ← μ + δ/n,  σ² ← σ² + (δ·(x − μ) − σ²)/n
 *   recent:  δ = x − μ,  μ ← μ + ρ·δ,  σ² ← (1 − ρ)·(σ² + ρ·δ²)          ρ = max(1/n, 1/window)
 *
 * Each column counts for itself, because a missing value says nothing about it. One tensor holds
 * [μ | σ² | recent μ | recent σ² | n], n for each column.
 *
 * Welford (1962), "Note on a method for calculating corrected sums of squares and products", Technometrics 4(3);
 * Finch (2009), "Incremental calculation of weighted mean and variance", for the forgetting one.
 */
import type { Latent, Statistics, Tensors } from '../contracts.ts'
import { invariant } from '../runtime/errors.ts'
import { type FeaturesLayout, recentAt } from './features-layout.ts'

export const STATISTICS = 'features.statistics'

/** A number further from the mean counts as this many deviations: one outlier must not undo what was learned. */
export const CLIP = 5
export const SMALLEST_VARIANCE = 1e-12

/** Beyond 2²⁴ a float32 counts no further; the mean then forgets as slowly as it can. */
const MOST = 2 ** 24

export function featuresStatistics(layout: FeaturesLayout): Statistics {
  const { standardised: n, window } = layout
  const rows = window === undefined ? 3 : 5
  return {
    parameters: n === 0 ? [] : [{ name: STATISTICS, shape: [rows * n], start: 'zeros' }],
    observe(before, latents) {
      if (n === 0) return before
      const tensor = before.get(STATISTICS)
      invariant(tensor !== undefined, 'statistics without their tensor')
      const data = tensor.data.slice()
      for (const latent of latents) count(data, latent, layout)
      return new Map([[STATISTICS, { shape: tensor.shape, data }]]) satisfies Tensors
    },
    ...(window !== undefined && {
      stamp: (before, row) => stamped(before.get(STATISTICS)?.data, row, layout),
    }),
  }
}

function count(data: Float32Array, { data: values }: Latent, layout: FeaturesLayout): void {
  const { standardised: n, hashed, flags, window } = layout
  const counts = data.length - n
  for (let column = 0; column < n; column += 1) {
    if (flags > 0 && values[n + hashed + column] === 0) continue
    const x = values[column] ?? 0
    const seen = Math.min((data[counts + column] ?? 0) + 1, MOST)
    data[counts + column] = seen
    const mean = data[column] ?? 0
    const variance = data[n + column] ?? 0
    const moved = mean + (x - mean) / seen
    data[column] = moved
    data[n + column] = Math.max(0, variance + ((x - mean) * (x - moved) - variance) / seen)
    if (window !== undefined) countRecent(data, x, column, n, Math.max(1 / seen, 1 / window))
  }
}

/** r as the network has it, and the mark behind it. */
function stamped(before: Float32Array | undefined, row: Latent, layout: FeaturesLayout): Latent {
  invariant(before !== undefined, 'statistics without their tensor')
  const { standardised: n, hashed, flags } = layout
  const data = row.data.slice()
  const from = recentAt(layout)
  for (let column = 0; column < n; column += 1) {
    if (flags > 0 && data[n + hashed + column] === 0) continue
    const deviation = Math.sqrt(Math.max(before[3 * n + column] ?? 0, SMALLEST_VARIANCE))
    const distance = (data[column] ?? 0) - (before[2 * n + column] ?? 0)
    data[from + column] = Math.max(-CLIP, Math.min(CLIP, distance / deviation))
  }
  data[data.length - 1] = 1
  return { ...row, data }
}

function countRecent(data: Float32Array, x: number, column: number, n: number, rate: number): void {
  const mean = data[2 * n + column] ?? 0
  const variance = data[3 * n + column] ?? 0
  const delta = x - mean
  data[2 * n + column] = mean + rate * delta
  data[3 * n + column] = rate === 1 ? 0 : (1 - rate) * (variance + rate * delta * delta)
}
