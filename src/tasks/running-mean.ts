/** A mean over all examples, and over recent ones, of a task's quality. */

/** An example weighs half after 346 others; the weights sum to 500. */
const FADING = 0.998

/** A mean over all examples, and over recent ones by a fading factor: four numbers, no window to keep. */
export type MeanState = readonly [
  count: number,
  sum: number,
  recentCount: number,
  recentSum: number,
]

export const noMean: MeanState = [0, 0, 0, 0]

export function observed(
  [count, sum, recentCount, recentSum]: MeanState,
  value: number,
): MeanState {
  return [count + 1, sum + value, 1 + FADING * recentCount, value + FADING * recentSum]
}

/** The means over all examples and over recent ones; 0 if there are none. */
export function meansOf([count, sum, recentCount, recentSum]: MeanState): readonly [
  number,
  number,
] {
  return [ratio(sum, count), ratio(recentSum, recentCount)]
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
