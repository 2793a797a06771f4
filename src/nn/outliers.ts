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

/** Values that a window has, and how many values of the stream there are from one to the next. */
export const WINDOW = 32
const STRIDE = 16
/** Values of the stream after which all of the window was replaced. */
export const ROUND = WINDOW * STRIDE
const QUARTILES = 15

/** The place in the window where value number `seen` (from 1) goes, which is number `tick` of its round; −1 = nowhere. */
export function windowPlace(seen: number, tick: number): number {
  if (seen <= WINDOW) return seen - 1
  return tick % STRIDE === 0 ? tick / STRIDE : -1
}

/** Values of a window outside these bounds are outliers; on a side where a quartile is the median, none is. */
export function quartileBounds(values: readonly number[]): readonly [number, number] {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] ?? 0
  const [low, middle, high] = [at(0.25), at(0.5), at(0.75)]
  return [
    low < middle ? middle - QUARTILES * (middle - low) : -Infinity,
    high > middle ? middle + QUARTILES * (high - middle) : Infinity,
  ]
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
