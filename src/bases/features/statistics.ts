/**
 * Mean and variance of each column, over all events and separately over recent ones.
 *
 *   δ = clip(x − μ, ±5σ),  μ ← μ + ρ·δ,  σ² ← (1 − ρ)·(σ² + ρ·δ²)
 *
 *   all: ρ = max(1/n, 1/10000)        recent: ρ = max(1/n, 1/window)
 *
 * A far value therefore counts as five deviations, and one that is also beyond the bounds of a window (`nn/outliers.ts`), such
 * as the sentinel 9999, as nothing; for the recent ones, which forget it soon, as a value at these bounds. In a run of far values
 * the bounds are narrower, so that a run does not move what is far either. If almost all of some twenty consecutive values are far,
 * the stream has changed, and those within the bounds count unclipped; a change that lasts moves the window. The first eight
 * values have no σ to compare with: they are counted again with each other's median and MAD.
 *
 * A row weighs less in a step if a number is beyond a hundred deviations, or if its numbers together are beyond five:
 *
 *   min(1, 100² / max z², (5² / mean z²)²)
 *
 * Clipped they would still be farther out than all others, and one such row would undo what many have taught.
 *
 * Each column is counted separately, because a missing value says nothing about it. Sums are computed in double precision.
 * Shorter tensors (layout.ts) come from earlier releases, and are widened on reading.
 *
 * Welford (1962), "Note on a method for calculating corrected sums of squares and products", Technometrics 4(3); Finch
 * (2009), "Incremental calculation of weighted mean and variance"; Tukey (1962), "The future of data analysis", Annals
 * of Mathematical Statistics 33(1), for winsorising.
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { Statistics } from '../../contracts/base.ts'
import type { Latent } from '../../contracts/network.ts'
import { invariant } from '../../platform/errors.ts'
import {
  CHANGED,
  counted,
  FAR,
  type Moments,
  over,
  renewed,
  RUN,
  runAfter,
  START,
  startBounds,
  trialAfter,
  WINDOW,
  windowBounds,
  windowOf,
} from '../../nn/outliers.ts'
import {
  type CountedValue,
  type FeaturesLayout,
  keep,
  keptOf,
  momentsAt,
  places,
  put,
  putTrial,
  recentAt,
  STATISTICS,
  trialOf,
} from './layout.ts'

/** A number further from the mean counts as this many deviations: one outlier must not undo what was learned. */
export const CLIP = FAR
export const SMALLEST_VARIANCE = 1e-12

/** Events after which the statistics of all events have forgotten. */
const HORIZON = 10_000

/** Its square: of n values none is more than √n deviations from their mean (Samuelson 1968). */
const FARTHEST_COUNTED = HORIZON

/** Its square is far from the limit of a float32. A limit refuses larger numbers; an older checkpoint may hold some. */
const FARTHEST = 1e18

export function featuresStatistics(layout: FeaturesLayout): Statistics {
  const { standardised: n, window } = layout
  const shape = [places(layout).size]
  const observe = (before: Tensors, latents: readonly Latent[]): Tensors => {
    if (n === 0) return before
    const data = statisticsIn(before).data.slice()
    for (const latent of latents) count(data, latent, layout)
    return new Map([[STATISTICS, { shape, data }]])
  }
  return {
    parameters: n === 0 ? [] : [{ name: STATISTICS, shape, start: 'zeros' }],
    observe,
    adopt: (tensors) => widened(tensors, layout),
    ...(n > 0 && { weight: (present, row) => weightOf(statisticsIn(present).data, row, layout) }),
    ...(window !== undefined && {
      stamp: (before, row) => stamped(statisticsIn(before).data, row, layout),
    }),
  }
}

function statisticsIn(tensors: Tensors): Tensor {
  const tensor = tensors.get(STATISTICS)
  invariant(tensor !== undefined, 'statistics without their tensor')
  return tensor
}

function weightOf(data: Float32Array, { data: values }: Latent, layout: FeaturesLayout): number {
  const { standardised: n, hashed, flags } = layout
  let [most, sum, given] = [FARTHEST_COUNTED, 0, 0]
  for (let column = 0; column < n; column += 1) {
    if (flags > 0 && values[n + hashed + column] === 0) continue
    const distance = (values[column] ?? 0) - (data[column] ?? 0)
    const variance = Math.max(data[n + column] ?? 0, SMALLEST_VARIANCE)
    const squared = (distance * distance) / variance
    most = Math.max(most, squared)
    sum += squared
    given += 1
  }
  const mean = sum / Math.max(1, given)
  return Math.min(FARTHEST_COUNTED / most, (CLIP ** 2 / Math.max(CLIP ** 2, mean)) ** 2)
}

/** Adds the window of values, as far as a tensor of an earlier release shows it. */
function widened(tensors: Tensors, layout: FeaturesLayout): Tensors {
  const { standardised: n } = layout
  const { moments, rest, kept, trial, size } = places(layout)
  const found = tensors.get(STATISTICS)
  const hasStart = found?.data.length === kept + START * n
  const hasWindow = found?.data.length === trial
  const isShorter = hasStart || hasWindow || found?.data.length === rest
  if (found === undefined || n === 0 || !isShorter) return tensors
  const data = new Float32Array(size)
  if (hasWindow) {
    data.set(found.data)
    return new Map([...tensors, [STATISTICS, { shape: [size], data }]])
  }
  data.set(found.data.subarray(0, hasStart ? kept : rest))
  for (let column = 0; column < n; column += 1) {
    const count = data[moments + column] ?? 0
    const isStarting = hasStart && count <= START
    const values = isStarting
      ? Array.from({ length: count }, (_, at) => found.data[kept + at * n + column] ?? 0)
      : windowOf(data[column] ?? 0, data[n + column] ?? 0, count)
    for (const [at, value] of values.entries()) data[kept + at * n + column] = value
  }
  return new Map([...tensors, [STATISTICS, { shape: [size], data }]])
}

function count(data: Float32Array, { data: values }: Latent, layout: FeaturesLayout): void {
  const { standardised: n, hashed, flags } = layout
  const { moments } = places(layout)
  for (let column = 0; column < n; column += 1) {
    if (flags > 0 && values[n + hashed + column] === 0) continue
    const x = Math.max(-FARTHEST, Math.min(FARTHEST, values[column] ?? 0))
    const seen = Math.min((data[moments + column] ?? 0) + 1, HORIZON)
    data[moments + column] = seen
    const isKept = keep(data, column, { x, seen }, layout)
    if (seen <= START) countStart(data, column, { x, seen }, layout)
    else countMoments(data, column, { x, seen }, layout)
    if (isKept && seen > WINDOW) renew(data, column, layout)
  }
}

/** The first values, always recomputed together, because only their comparison shows the outliers. */
function countStart(
  data: Float32Array,
  column: number,
  { seen }: CountedValue,
  layout: FeaturesLayout,
) {
  const { standardised: n } = layout
  const { moments, rest } = places(layout)
  for (let at = column; at < moments; at += n) data[at] = data[rest + at] = 0
  const values = keptOf(data, column, seen, layout)
  const [least, most] = startBounds(values, CLIP)
  for (const [at, value] of values.entries()) {
    const within = Math.max(least, Math.min(most, value))
    countMoments(data, column, { x: within, seen: at + 1 }, layout)
  }
}

function countMoments(
  data: Float32Array,
  column: number,
  { x, seen }: CountedValue,
  layout: FeaturesLayout,
) {
  const { standardised: n, window } = layout
  const { run } = places(layout)
  const all = { mean: column, variance: n + column }
  const before = momentsAt(data, all, layout)
  const farther = farFor(before, seen)
  const isFar = Math.abs(x - before.mean) > farther
  const outliers = data[run + column] ?? 0
  data[run + column] = runAfter(outliers, isFar)
  const bounds = isFar ? windowBounds(keptOf(data, column, seen, layout), outliers >= RUN) : []
  const [least = -Infinity, most = Infinity] = bounds
  const isOutlier = x < least || x > most
  const isTaken = isFar && !isOutlier && outliers >= CHANGED
  const trial = trialAfter(trialOf(data, column, layout), isTaken ? before : undefined)
  putTrial(data, column, trial, layout)
  const far = isTaken ? Infinity : farther
  if (!isOutlier) put(data, all, counted(before, x, { rate: 1 / seen, far }), layout)
  if (window === undefined) return
  const own = { mean: 2 * n + column, variance: 3 * n + column }
  const recent = momentsAt(data, own, layout)
  const rate = Math.max(1 / seen, 1 / window)
  const within = Math.max(least, Math.min(most, x))
  put(data, own, counted(recent, within, { rate, far: farFor(recent, seen) }), layout)
}

/** Gives moments up that the window shows to be wrong. */
function renew(data: Float32Array, column: number, layout: FeaturesLayout): void {
  const { standardised: n, window } = layout
  const all = { mean: column, variance: n + column }
  const kept = keptOf(data, column, WINDOW, layout)
  const own = renewed(momentsAt(data, all, layout), kept, trialOf(data, column, layout))
  if (own === undefined) return
  put(data, all, own, layout)
  if (window !== undefined)
    put(data, { mean: 2 * n + column, variance: 3 * n + column }, own, layout)
  data[places(layout).moments + column] = WINDOW
  putTrial(data, column, over, layout)
}

/**
 * The distance from the mean at which values are clipped. If all values were equal so far, there is no such distance.
 */
function farFor({ variance }: Moments, seen: number): number {
  return seen > START && variance > SMALLEST_VARIANCE ? FAR * Math.sqrt(variance) : Infinity
}

/** r as the network stores it, and the flag after it. */
function stamped(before: Float32Array, row: Latent, layout: FeaturesLayout): Latent {
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
