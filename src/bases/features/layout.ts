/**
 * Where the numbers of a vector of features lie, and those of its statistics.
 *
 * One float32 tensor holds [μ | σ² | recent μ | recent σ² | n | the remainders of μ, σ², … beyond float32 | r | the window of
 * values | the place in its round | values since a change | μ | σ² before it], a number a column each, the recent ones only with a
 * window. r is the length of the run of clipped values.
 */
import { type Moments, ROUND, type Trial, WINDOW, windowPlace } from '../../nn/outliers.ts'

/**
 * The layout of a vector: standardised columns, hashed columns, and flags for given columns; with a window, also the
 * standardised columns relative to recent values, and a flag that says whether these were written in.
 */
export interface FeaturesLayout {
  readonly standardised: number
  readonly hashed: number
  readonly flags: number
  readonly asTheyAre: boolean
  readonly hidden: readonly number[]
  readonly window: number | undefined
  /** Pieces of the piecewise-linear encoding; 0 = none. */
  readonly bins: number
  /** Whether the embedding contains the inputs beside the last hidden layer. */
  readonly shortcut: boolean
}

/** Width of the input of the hidden layers. */
export function inputSize({ standardised, hashed, bins }: FeaturesLayout): number {
  return standardised * (1 + bins) + hashed
}

/** Where in a vector the recent part begins; its flag is the last number. */
export function recentAt({ standardised, hashed, flags }: FeaturesLayout): number {
  return standardised + hashed + flags
}

export function vectorSize(layout: FeaturesLayout): number {
  const { window, standardised } = layout
  return recentAt(layout) + (window === undefined ? 0 : standardised + 1)
}

export const STATISTICS = 'features.statistics'

/** Where the parts of the tensor begin; means and variances are at 0. */
export function places({ standardised: n, window }: FeaturesLayout) {
  const moments = window === undefined ? 2 * n : 4 * n
  const rest = moments + n
  const run = rest + moments
  const kept = run + n
  const tick = kept + WINDOW * n
  const trial = tick + n
  return { moments, rest, run, kept, tick, trial, size: trial + TRIAL_ROWS * n }
}

const TRIAL_ROWS = 3

/** Blocks of n columns each, one below the other. */
export function statisticsRows(layout: FeaturesLayout): number {
  const moments = layout.window === undefined ? 2 : 4
  return 2 * moments + 2 + WINDOW + 1 + TRIAL_ROWS
}

export interface CountedValue {
  readonly x: number
  /** The count, including this value. */
  readonly seen: number
}

/** Stores the value in the window, if it has a place there, and answers whether it has. */
export function keep(
  data: Float32Array,
  column: number,
  { x, seen }: CountedValue,
  layout: FeaturesLayout,
): boolean {
  const { standardised: n } = layout
  const { kept, tick } = places(layout)
  const own = ((data[tick + column] ?? 0) + 1) % ROUND
  data[tick + column] = own
  const place = windowPlace(seen, own)
  if (place >= 0) data[kept + place * n + column] = x
  return place >= 0
}

export function keptOf(data: Float32Array, column: number, seen: number, layout: FeaturesLayout) {
  const { standardised: n } = layout
  const { kept } = places(layout)
  const values: number[] = []
  for (let at = 0; at < Math.min(seen, WINDOW); at += 1)
    values.push(data[kept + at * n + column] ?? 0)
  return values
}

export function trialOf(data: Float32Array, column: number, layout: FeaturesLayout): Trial {
  const { standardised: n } = layout
  const at = places(layout).trial + column
  const before = { mean: data[at + n] ?? 0, variance: data[at + 2 * n] ?? 0 }
  return { since: data[at] ?? 0, before }
}

export function putTrial(
  data: Float32Array,
  column: number,
  trial: Trial,
  layout: FeaturesLayout,
): void {
  const { standardised: n } = layout
  const at = places(layout).trial + column
  data[at] = trial.since
  data[at + n] = trial.before.mean
  data[at + 2 * n] = trial.before.variance
}

/** Places of two moments in the tensor. */
interface MomentsPlace {
  readonly mean: number
  readonly variance: number
}

export function momentsAt(data: Float32Array, at: MomentsPlace, layout: FeaturesLayout): Moments {
  const { rest } = places(layout)
  return { mean: sumAt(data, at.mean, rest), variance: sumAt(data, at.variance, rest) }
}

export function put(
  data: Float32Array,
  at: MomentsPlace,
  moments: Moments,
  layout: FeaturesLayout,
): void {
  const { rest } = places(layout)
  putSum(data, at.mean, rest, moments.mean)
  putSum(data, at.variance, rest, moments.variance)
}

/** In double precision, as the sum of two float32. */
function sumAt(data: Float32Array, at: number, rest: number): number {
  return (data[at] ?? 0) + (data[rest + at] ?? 0)
}

function putSum(data: Float32Array, at: number, rest: number, value: number): void {
  data[at] = value
  data[rest + at] = value - Math.fround(value)
}
