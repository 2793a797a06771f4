/**
 * What counts as an outlier of a stream of numbers, for the statistics of features and of targets.
 *
 * The first values have no running deviation to compare with, so each is compared with the median of them all:
 *
 *   bounds = median ± most · 1.4826 · MAD
 *
 * Up to three sentinels among eight values change nothing. If most values are equal the MAD is 0, and the median of the
 * nonzero deviations replaces it, so that a rare 1 among zeros is not an outlier.
 *
 * Later ones are compared with the quartiles of a window: the first WINDOW values, then every STRIDE-th in place of the
 * oldest. A run of outliers that is shorter than a quarter of the window cannot move its quartiles; a change that lasts does.
 *
 *   bounds = [q₂ − 15·(q₂ − q₁), q₂ + 15·(q₃ − q₂)]      about ten deviations of a normal distribution
 *
 * Where one quartile is the median the other side decides for both; where both are, most values are equal, and none is an outlier.
 * Within a run of far values, which is in the window itself and stretches one side, the narrower side decides for both:
 *
 *   bounds = q₂ ± 5·min(q₂ − q₁, q₃ − q₂)
 *
 * Whether a run is a change is known when half of the window is of it. From then on the change is on trial: a stream that returns
 * to the moments before it had a run of outliers, and one that does not return has changed.
 *
 * Hampel (1974), "The influence curve and its role in robust estimation", JASA 69(346).
 */

/** Number of stored values of a column. */
export const START = 8

/** MAD of a normal distribution → its deviation. */
const NORMAL = 1.4826

/** Values outside these bounds are outliers. */
export function startBounds(values: readonly number[], most: number): readonly [number, number] {
  const middle = medianOf(values)
  const deviations = values.map((value) => Math.abs(value - middle))
  const scale = medianOf(deviations) || medianOf(deviations.filter((one) => one > 0))
  if (scale === 0) return [-Infinity, Infinity]
  return [middle - most * NORMAL * scale, middle + most * NORMAL * scale]
}

/** Values with this mean and this variance, for columns without stored ones. */
export function startOf(mean: number, variance: number, count: number): readonly number[] {
  const deviation = Math.sqrt(variance)
  const even = count - (count % 2)
  const stretched = even === 0 ? 0 : deviation * Math.sqrt(count / even)
  return Array.from({ length: count < START ? count : 0 }, (_, at) =>
    at === even ? mean : mean + (at % 2 === 0 ? stretched : -stretched),
  )
}

/** Values that a window has, and how many values of the stream there are from one to the next: no part of a day, week or year. */
export const WINDOW = 32
const STRIDE = 17
/** Values of the stream after which all of the window was replaced. */
export const ROUND = WINDOW * STRIDE
const [QUARTILES, RUN_QUARTILES] = [15, 5]

/** The place in the window where value number `seen` (from 1) goes, which is number `tick` of its round; −1 = nowhere. */
export function windowPlace(seen: number, tick: number): number {
  if (seen <= WINDOW) return seen - 1
  return tick % STRIDE === 0 ? tick / STRIDE : -1
}

/** Values outside these bounds of a window are outliers; `isRun`: so were most of those right before. */
export function windowBounds(values: readonly number[], isRun = false): readonly [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] ?? 0
  const [low, middle, high] = [at(0.25), at(0.5), at(0.75)]
  const [below, above] = [middle - low || high - middle, high - middle || middle - low]
  if (below === 0) return [-Infinity, Infinity]
  const narrow = RUN_QUARTILES * Math.min(below, above)
  if (isRun) return [middle - narrow, middle + narrow]
  return [middle - QUARTILES * below, middle + QUARTILES * above]
}

/** Deviations from the mean at which a value is far. */
export const FAR = 5

/** A run has begun, and its values are normal. */
export const [RUN, CHANGED] = [4, 20]

/** The length of a run of far values after one more value: an other value takes three off it. */
export function runAfter(length: number, isFar: boolean): number {
  return Math.max(0, Math.min(CHANGED, isFar ? length + 1 : length - 3))
}

export interface Moments {
  readonly mean: number
  readonly variance: number
}

/** A change that may have been a run of outliers, as a stream's beginning may. */
export interface Trial {
  /** Values since the last one of the change that counted in full. */
  readonly since: number
  /** The moments before the change; zeros at the beginning of a stream. */
  readonly before: Moments
}

/** Values after which nothing is on trial: all of the window has been replaced, and once more. */
const TRIAL = 2 * ROUND

/** The trial after one more value. `change`: the moments before it, if it was far and counted in full. */
export function trialAfter({ since, before }: Trial, change: Moments | undefined): Trial {
  if (change === undefined) return { since: Math.min(TRIAL, since + 1), before }
  // A stream that is only beginning may have begun with the outliers.
  const isFirst = before.variance === 0 && since >= ROUND / 2
  return { since: 0, before: since < TRIAL && !isFirst ? before : change }
}

/** Nothing is on trial. */
export const over: Trial = { since: TRIAL, before: { mean: 0, variance: 0 } }

/**
 * The moments after one more value, which counts as `far` from the mean at most.
 *
 *   d = clip(x − μ, ±far),  μ ← μ + ρ·d,  σ² ← (1 − ρ)·(σ² + ρ·d²)
 *
 * Finch (2009), "Incremental calculation of weighted mean and variance".
 */
export function counted(
  { mean, variance }: Moments,
  value: number,
  { rate, far }: { readonly rate: number; readonly far: number },
): Moments {
  const distance = Math.max(-far, Math.min(far, value - mean))
  return {
    mean: mean + rate * distance,
    variance: rate === 1 ? 0 : (1 - rate) * (variance + rate * distance * distance),
  }
}

/**
 * The moments of the values of a full window, where the deviation of the stream is beyond its bounds since a change that is on
 * trial: a scale that outliers have ruined would need as many values again to come back by itself. A stream that only moves on,
 * such as a date, keeps the scale of all that it was.
 */
export function renewed(
  moments: Moments,
  window: readonly number[],
  { since, before }: Trial,
): Moments | undefined {
  const width = 2 * Math.sqrt(moments.variance)
  if (since >= TRIAL || isSpread(window, moments.mean, width / QUARTILES)) return undefined
  const [least, most] = windowBounds(window)
  if (width <= most - least) return undefined
  const values = window.filter((value) => value >= least && value <= most)
  const mean = meanOf(values)
  const hasReturned = Math.abs(mean - before.mean) <= FAR * Math.sqrt(before.variance)
  if (before.variance > 0 && !hasReturned) return undefined
  return { mean, variance: meanOf(values.map((value) => (value - mean) ** 2)) }
}

/** Whether the quartiles are certain to be `width` apart, and so the bounds 15 times as much: a count, where bounds need the values in order. */
function isSpread(values: readonly number[], middle: number, width: number): boolean {
  const [least, most] = [middle - width / 2, middle + width / 2]
  let [below, above] = [0, 0]
  for (const value of values) {
    if (value <= least) below += 1
    if (value >= most) above += 1
  }
  const last = values.length - 1
  return below > Math.round(0.25 * last) && above > last - Math.round(0.75 * last)
}

/** A window of values with about this mean and this variance, where none was kept. */
export function windowOf(mean: number, variance: number, count: number): readonly number[] {
  if (count < START) return startOf(mean, variance, count)
  return Array.from({ length: Math.min(count, WINDOW) }, (_, at) => {
    const part = (at + 0.5) / WINDOW
    // The quantile of a logistic distribution.
    return mean + (Math.sqrt(3 * variance) / Math.PI) * Math.log(part / (1 - part))
  })
}

/** The lower one of two. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 0
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
