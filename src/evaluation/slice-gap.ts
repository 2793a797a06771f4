/**
 * Bias made visible: the widest difference of accuracy between two slices of the population that have enough examples,
 * with an interval, because some difference always exists by chance.
 *
 *   gap = p₁ − p₂ ± z · √( p̃₁(1−p̃₁)/(n₁+2) + p̃₂(1−p̃₂)/(n₂+2) ),   p̃ = (right + 1) / (n + 2),   z = √(2 ln(2·pairs/α))
 *
 * The best and the worst of k slices were picked because they differ, so z covers all k(k−1)/2 pairs (a bound for the
 * tail of the normal distribution; α = 0.05). The accuracy is the recent one, with fading weights: n is the number of
 * examples that a plain mean would need for the same precision, (Σw)²/Σw².
 *
 * Agresti & Caffo (2000), "Simple and effective confidence intervals for proportions and differences of proportions",
 * The American Statistician 54(4).
 */
import type { SliceGap } from '../contracts/release.ts'
import { fading, ratio, type MeanState } from './running-scores.ts'
import { OTHER_PART, type PartScore } from './served-parts.ts'

const ALPHA = 0.05

interface Part {
  readonly slice: string
  readonly accuracy: number
  readonly count: number
}

/** Undefined if fewer than two slices have `least` examples. */
export function widestGap(
  slices: readonly (readonly [slice: string, state: MeanState])[],
  least: number,
): SliceGap | undefined {
  return gapOf(slices.flatMap(([slice, state]) => (state[0] < least ? [] : [partOf(slice, state)])))
}

/** Judged answers of a slice that its accuracy needs. */
const LEAST_JUDGED = 30

/**
 * The same of answers that were served: plain means. Undefined also where errors are distances, which no difference of
 * shares describes.
 */
export function servedGap(slices: readonly PartScore[]): SliceGap | undefined {
  if (slices.some(({ error, count }) => !isShare(error * count, count))) return undefined
  const judged = slices.filter(({ count, name }) => count >= LEAST_JUDGED && name !== OTHER_PART)
  return gapOf(
    judged.map(({ name, error, count }) => ({ slice: name, accuracy: 1 - error, count })),
  )
}

/** Each error is 0 or 1 where the sum is whole: distances add up to a fraction. */
function isShare(errors: number, count: number): boolean {
  return errors <= count + 1e-6 && Math.abs(errors - Math.round(errors)) < 1e-6
}

function gapOf(parts: readonly Part[]): SliceGap | undefined {
  const sorted = parts.toSorted(
    (one, other) => other.accuracy - one.accuracy || (one.slice < other.slice ? -1 : 1),
  )
  const [best, worst] = [sorted[0], sorted.at(-1)]
  if (best === undefined || worst === undefined || parts.length < 2) return undefined
  const gap = best.accuracy - worst.accuracy
  const pairs = (parts.length * (parts.length - 1)) / 2
  const z = Math.sqrt(2 * Math.log((2 * pairs) / ALPHA))
  const error = z * Math.sqrt(variance(best) + variance(worst))
  return {
    best: best.slice,
    worst: worst.slice,
    points: 100 * gap,
    low: 100 * Math.max(0, gap - error),
    high: 100 * Math.min(1, gap + error),
    slices: parts.length,
  }
}

function partOf(slice: string, [, , recentCount, recentCorrect]: MeanState): Part {
  const left = 1 - recentCount * (1 - fading)
  const count = (recentCount * (1 + fading)) / (1 + left)
  return { slice, accuracy: ratio(recentCorrect, recentCount), count }
}

function variance({ accuracy, count }: Part): number {
  const share = (accuracy * count + 1) / (count + 2)
  return (share * (1 - share)) / (count + 2)
}
