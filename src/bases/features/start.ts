/**
 * How the statistics of a column begin: a few values have no running deviation to compare with, so each is compared
 * with the median of them all.
 *
 *   bounds = median ± most · 1.4826 · MAD
 *
 * Up to three sentinels among eight values change nothing. If most values are equal the MAD is 0, and the median of the
 * nonzero deviations replaces it, so that a rare 1 among zeros is not an outlier.
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

/** The lower one of two. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1] ?? 0
}
