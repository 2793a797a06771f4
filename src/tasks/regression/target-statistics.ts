/**
 * Mean and deviation of the targets so far. The head answers in deviations from the mean, so that one learning rate
 * fits prices, percentages and temperatures.
 *
 *   d = clip(y − μ, ±5σ),  μ ← μ + ρ·d,  v ← (1 − ρ)·(v + ρ·d²),  ρ = max(1/n, 1/10000)
 *   σ = max(√v, 10⁻⁶·|μ|), or 1 where that is 0
 *
 * A target that is also beyond the bounds of a window (`nn/outliers.ts`) counts as nothing, so that a run of outliers does not
 * move what is far; a change that lasts moves the window, and one that turns out to have been outliers is taken back. The first
 * eight targets are counted again with each other's median and MAD. A difference that a float32 cannot represent counts as
 * none. Before the first target σ is 0.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { TaskStatistics } from '../../contracts/task.ts'
import {
  CHANGED,
  counted,
  FAR,
  type Moments,
  over,
  renewed,
  ROUND,
  RUN,
  runAfter,
  START,
  startBounds,
  type Trial,
  trialAfter,
  WINDOW,
  windowBounds,
  windowOf,
  windowPlace,
} from '../../nn/outliers.ts'

const HORIZON = 10_000
/** Deviations: a target farther off weighs less in the loss, and what it counts as at most in the statistics. */
export const CLIP = 8
const RESOLUTION = 1e-6

export const MEAN = 'head.mean'
export const DEVIATION = 'head.deviation'
const VARIANCE = 'head.variance'
const COUNT = 'head.count'
/**
 * Targets of a window; then the place in its round, to which ROUND times the length of the present run is added, the targets since
 * a change, and the mean and variance before it.
 */
const RECENT = 'head.recent'
const RECENT_SIZE = WINDOW + 4

const SHAPES = [
  [COUNT, 1] as const,
  [DEVIATION, 1] as const,
  [MEAN, 1] as const,
  [RECENT, RECENT_SIZE] as const,
  [VARIANCE, 1] as const,
]

export const targetStatistics: TaskStatistics<number> = {
  parameters: SHAPES.map(([name, size]) => ({ name, shape: [size], start: 'zeros' as const })),
  observe(before, rows) {
    let moments = momentsIn(before)
    const recent = before.get(RECENT)?.data.slice() ?? new Float32Array(RECENT_SIZE)
    for (const { target } of rows) moments = observed(moments, recent, target)
    return tensorsOf(moments, recent)
  },
  adopt(tensors) {
    const { count, mean, variance } = momentsIn(tensors)
    const recent = tensors.get(RECENT)?.data
    if (!tensors.has(COUNT) || recent?.length === RECENT_SIZE) return tensors
    const data = new Float32Array(RECENT_SIZE)
    data.set(recent ?? windowOf(mean, variance, count))
    return new Map([...tensors, [RECENT, { shape: [RECENT_SIZE], data }]])
  },
}

interface CountedMoments extends Moments {
  readonly count: number
}

const none: CountedMoments = { count: 0, mean: 0, variance: 0 }

function momentsIn(tensors: Tensors): CountedMoments {
  const read = (name: string) => tensors.get(name)?.data[0] ?? 0
  return { count: read(COUNT), mean: read(MEAN), variance: read(VARIANCE) }
}

/** `recent` is changed in place. */
function observed(before: CountedMoments, recent: Float32Array, target: number): CountedMoments {
  const count = Math.min(before.count + 1, HORIZON)
  const [tick, run] = [
    ((recent[WINDOW] ?? 0) + 1) % ROUND,
    Math.floor((recent[WINDOW] ?? 0) / ROUND),
  ]
  const place = windowPlace(count, tick)
  if (place >= 0) recent[place] = target
  const window = () => [...recent.subarray(0, Math.min(count, WINDOW))]
  const far = before.variance > 0 ? FAR * Math.sqrt(before.variance) : Infinity
  const isFar = count > START && Math.abs(target - before.mean) > far
  recent[WINDOW] = tick + ROUND * runAfter(run, isFar)
  if (count <= START) return started(window())
  const [least, most] = isFar ? windowBounds(window(), run >= RUN) : [-Infinity, Infinity]
  const isOutlier = target < least || target > most
  const isTaken = isFar && !isOutlier && run >= CHANGED
  const trial = trialAfter(trialIn(recent), isTaken ? before : undefined)
  putTrial(recent, trial)
  const rate = { rate: 1 / count, far: isTaken ? Infinity : far }
  const moments = isOutlier ? before : counted(before, target, rate)
  const own = place >= 0 && count > WINDOW ? renewed(moments, window(), trial) : undefined
  if (own === undefined) return { ...moments, count }
  putTrial(recent, over)
  return { ...own, count: WINDOW }
}

function trialIn(recent: Float32Array): Trial {
  const [since = 0, mean = 0, variance = 0] = recent.subarray(WINDOW + 1)
  return { since, before: { mean, variance } }
}

function putTrial(recent: Float32Array, { since, before }: Trial): void {
  recent.set([since, before.mean, before.variance], WINDOW + 1)
}

/** The first targets are always counted together: only their comparison shows the outliers. */
function started(targets: readonly number[]): CountedMoments {
  const [least, most] = startBounds(targets, CLIP)
  let moments: Moments = none
  for (const [at, target] of targets.entries()) {
    const within = Math.max(least, Math.min(most, target))
    moments = counted(moments, within, { rate: 1 / (at + 1), far: Infinity })
  }
  return { ...moments, count: targets.length }
}

function tensorsOf({ count, mean, variance }: CountedMoments, recent: Float32Array): Tensors {
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
