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
import { fading, ratio, type AccuracyState } from './running-accuracy.ts'

const ALPHA = 0.05

interface Part {
  readonly slice: string
  readonly accuracy: number
  readonly count: number
}

/** Undefined where fewer than two slices have `least` examples. */
export function widestGap(
  slices: readonly (readonly [slice: string, state: AccuracyState])[],
  least: number,
): SliceGap | undefined {
  const parts = slices.flatMap(([slice, state]) => (state[0] < least ? [] : [partOf(slice, state)]))
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

function partOf(slice: string, [, , recentCount, recentCorrect]: AccuracyState): Part {
  const left = 1 - recentCount * (1 - fading)
  const count = (recentCount * (1 + fading)) / (1 + left)
  return { slice, accuracy: ratio(recentCorrect, recentCount), count }
}

function variance({ accuracy, count }: Part): number {
  const share = (accuracy * count + 1) / (count + 2)
  return (share * (1 - share)) / (count + 2)
}
