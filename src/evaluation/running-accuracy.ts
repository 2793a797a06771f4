/**
 * Share of right answers over all examples, and over recent ones by a fading factor: four numbers instead of a window.
 */

/** An example weighs half after 346 others; the weights sum to 500. */
export const fading = 0.998

export type AccuracyState = readonly [
  count: number,
  correct: number,
  recentCount: number,
  recentCorrect: number,
]

export const noAccuracy: AccuracyState = [0, 0, 0, 0]

/** `right`: 1 for a right answer, 0 for a wrong one. */
export function observed(
  [count, correct, recentCount, recentCorrect]: AccuracyState,
  right: number,
): AccuracyState {
  return [
    count + 1,
    correct + right,
    1 + fading * recentCount,
    right + fading * recentCorrect,
  ] as const
}

/** The accuracy of two parts of a stream together. */
export function merged(one: AccuracyState, other: AccuracyState): AccuracyState {
  return [one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]] as const
}

export function accuraciesOf([count, correct, recentCount, recentCorrect]: AccuracyState) {
  return {
    accuracy: ratio(correct, count),
    accuracy_recent: ratio(recentCorrect, recentCount),
  }
}

export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
