/**
 * Mean and deviation of the targets so far. The head answers in deviations from the mean, so that one learning rate
 * fits prices, percentages and temperatures.
 *
 *   d = clip(y − μ, ±8σ),  μ ← μ + ρ·d,  v ← (1 − ρ)·(v + ρ·d²),  ρ = max(1/n, 1/10000)
 *   σ = max(√v, 10⁻⁶·|μ|), or 1 where that is 0
 *
 * A far outlier counts as eight deviations, and never as more than the bounds of `nn/outliers.ts`, so that a run of them does
 * not widen what is far; the first eight targets are counted again with each other's median and MAD. A difference that a
 * float32 cannot represent counts as none. Before the first target σ is 0.
 *
 * Finch (2009), "Incremental calculation of weighted mean and variance".
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { TaskStatistics } from '../../contracts/task.ts'
import {
  quartileBounds,
  ROUND,
  START,
  startBounds,
  WINDOW,
  windowOf,
  windowPlace,
} from '../../nn/outliers.ts'

const HORIZON = 10_000
/** Deviations. */
export const CLIP = 8
const RESOLUTION = 1e-6

export const MEAN = 'head.mean'
export const DEVIATION = 'head.deviation'
const VARIANCE = 'head.variance'
const COUNT = 'head.count'
/** Targets of a window, and the place in its round. */
const RECENT = 'head.recent'

const SHAPES = [
  [COUNT, 1] as const,
  [DEVIATION, 1] as const,
  [MEAN, 1] as const,
  [RECENT, WINDOW + 1] as const,
  [VARIANCE, 1] as const,
]

export const targetStatistics: TaskStatistics<number> = {
  parameters: SHAPES.map(([name, size]) => ({ name, shape: [size], start: 'zeros' as const })),
  observe(before, rows) {
    let moments = momentsIn(before)
    const recent = before.get(RECENT)?.data.slice() ?? new Float32Array(WINDOW + 1)
    for (const { target } of rows) moments = observed(moments, recent, target)
    return tensorsOf(moments, recent)
  },
  adopt(tensors) {
    const { count, mean, variance } = momentsIn(tensors)
    if (!tensors.has(COUNT) || tensors.has(RECENT)) return tensors
    const data = new Float32Array(WINDOW + 1)
    data.set(windowOf(mean, variance, count))
    return new Map([...tensors, [RECENT, { shape: [WINDOW + 1], data }]])
  },
}

interface Moments {
  readonly count: number
  readonly mean: number
  readonly variance: number
}

const none: Moments = { count: 0, mean: 0, variance: 0 }

function momentsIn(tensors: Tensors): Moments {
  const read = (name: string) => tensors.get(name)?.data[0] ?? 0
  return { count: read(COUNT), mean: read(MEAN), variance: read(VARIANCE) }
}

/** `recent` is changed in place. */
function observed(before: Moments, recent: Float32Array, target: number): Moments {
  const count = Math.min(before.count + 1, HORIZON)
  const tick = ((recent[WINDOW] ?? 0) + 1) % ROUND
  recent[WINDOW] = tick
  const place = windowPlace(count, tick)
  if (place >= 0) recent[place] = target
  if (count > START) return counted(before, within(target, before, recent))
  const first = [...recent.subarray(0, count)]
  const [least, most] = startBounds(first, CLIP)
  return first.reduce(
    (moments, value) => counted(moments, Math.max(least, Math.min(most, value))),
    none,
  )
}

/** The target, or the bound of the window where it is far beyond it. */
function within(target: number, { count, mean, variance }: Moments, recent: Float32Array): number {
  if (variance === 0 || Math.abs(target - mean) <= CLIP * Math.sqrt(variance)) return target
  const [least, most] = quartileBounds([...recent.subarray(0, Math.min(count, WINDOW))])
  return Math.max(least, Math.min(most, target))
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

function tensorsOf({ count, mean, variance }: Moments, recent: Float32Array): Tensors {
  const deviation = Math.max(Math.sqrt(variance), RESOLUTION * Math.abs(mean)) || 1
  return new Map([
    [COUNT, scalar(count)],
    [DEVIATION, scalar(deviation)],
    [MEAN, scalar(mean)],
    [RECENT, { shape: [recent.length], data: recent }],
    [VARIANCE, scalar(variance)],
  ])
}

function scalar(value: number): Tensor {
  return { shape: [1], data: Float32Array.of(value) }
}
