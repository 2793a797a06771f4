/**
 * Mean and deviation of the targets so far. The head answers in deviations from the mean, so that one learning rate
 * fits prices, percentages and temperatures.
 *
 *   d = clip(y − μ, ±8σ),  μ ← μ + ρ·d,  v ← (1 − ρ)·(v + ρ·d²),  ρ = max(1/n, 1/10000)
 *   σ = max(√v, 10⁻⁶·|μ|), or 1 where that is 0
 *
 * A far outlier counts as eight deviations, and a difference that a float32 cannot represent counts as none. Before the
 * first target σ is 0.
 *
 * Finch (2009), "Incremental calculation of weighted mean and variance".
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { TaskStatistics } from '../../contracts/task.ts'

const HORIZON = 10_000
/** Deviations. */
export const CLIP = 8
/** Before this many targets, none is an outlier. */
const START = 8
const RESOLUTION = 1e-6

export const MEAN = 'head.mean'
export const DEVIATION = 'head.deviation'
const VARIANCE = 'head.variance'
const COUNT = 'head.count'

export const targetStatistics: TaskStatistics<number> = {
  parameters: [COUNT, DEVIATION, MEAN, VARIANCE].map((name) => {
    return { name, shape: [1], start: 'zeros' as const }
  }),
  observe(before, rows) {
    const read = (name: string) => before.get(name)?.data[0] ?? 0
    let moments: Moments = { count: read(COUNT), mean: read(MEAN), variance: read(VARIANCE) }
    for (const { target } of rows) moments = counted(moments, target)
    return tensorsOf(moments)
  },
}

interface Moments {
  readonly count: number
  readonly mean: number
  readonly variance: number
}

function counted({ count: before, mean, variance }: Moments, target: number): Moments {
  const count = Math.min(before + 1, HORIZON)
  const far = count > START && variance > 0 ? CLIP * Math.sqrt(variance) : Infinity
  const distance = Math.max(-far, Math.min(far, target - mean))
  const rate = 1 / count
  return {
    count,
    mean: mean + rate * distance,
    variance: (1 - rate) * (variance + rate * distance * distance),
  }
}

function tensorsOf({ count, mean, variance }: Moments): Tensors {
  const deviation = Math.max(Math.sqrt(variance), RESOLUTION * Math.abs(mean)) || 1
  return new Map([
    [COUNT, scalar(count)],
    [DEVIATION, scalar(deviation)],
    [MEAN, scalar(mean)],
    [VARIANCE, scalar(variance)],
  ])
}

function scalar(value: number): Tensor {
  return { shape: [1], data: Float32Array.of(value) }
}
