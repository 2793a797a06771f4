/**
 * How the statistics of a column begin: a few values have no running deviation to compare with, so that each is held against
 * the median of them all.
 *
 *   bounds = median ± most · 1.4826 · MAD
 *
 * Up to three sentinels among eight values change nothing. Where most values are equal the MAD is 0, and the median of the
 * deviations that are not takes its place, so that a rare 1 among zeros is no outlier.
 *
 * Hampel (1974), "The influence curve and its role in robust estimation", JASA 69(346).
 */

/** Values of a column that are kept. */
export const START = 8

/** MAD of a normal distribution → its deviation. */
const NORMAL = 1.4826

/** What is outside of these is an outlier. */
export function startBounds(values: readonly number[], most: number): readonly [number, number] {
  const middle = medianOf(values)
  const deviations = values.map((value) => Math.abs(value - middle))
  const scale = medianOf(deviations) || medianOf(deviations.filter((one) => one > 0))
  if (scale === 0) return [-Infinity, Infinity]
  return [middle - most * NORMAL * scale, middle + most * NORMAL * scale]
}

/** Values that have this mean and this variance, where the real ones were not kept. */
export function startOf(mean: number, variance: number, count: number): readonly number[] {
  const deviation = Math.sqrt(variance)
  const even = count - (count % 2)
  const stretched = even === 0 ? 0 : deviation * Math.sqrt(count / even)
  return Array.from({ length: count < START ? count : 0 }, (_, at) =>
    at === even ? mean : mean + (at % 2 === 0 ? stretched : -stretched),
  )
}

/** The lower one of two. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 0
}
