/**
 * Scores that grow by one example at a time.
 *
 *   accuracy        = Σ eᵢ / n
 *   accuracy_recent = Sᵢ / Nᵢ,  Sᵢ = eᵢ + α·Sᵢ₋₁,  Nᵢ = 1 + α·Nᵢ₋₁   (a fading factor: two numbers, no window to keep)
 *   loss            = mean of the losses
 *
 * Gama, Sebastião & Rodrigues (2013), "On evaluating stream learning algorithms", Machine Learning 90(3).
 */
import type { Scores } from '../contracts/release.ts'
import type { Score } from '../contracts/example.ts'
import { fading, ratio } from './running-accuracy.ts'

export interface ScoreSums {
  readonly count: number
  /** Examples that nothing could answer: not in `count`. */
  readonly unanswered?: number
  readonly correct: number
  readonly recentCorrect: number
  readonly recentCount: number
  readonly lossSum: number
  readonly lossCount: number
}

export const noSums: ScoreSums = {
  count: 0,
  correct: 0,
  recentCorrect: 0,
  recentCount: 0,
  lossSum: 0,
  lossCount: 0,
}

/** An infinite loss (the head was certain of another answer) has no mean: only the mean loss leaves it out. */
export function withScore(was: ScoreSums, score: Score): ScoreSums {
  const right = 1 - score.error
  const hasLoss = Number.isFinite(score.loss)
  return {
    ...(was.unanswered !== undefined && { unanswered: was.unanswered }),
    count: was.count + 1,
    correct: was.correct + right,
    recentCorrect: right + fading * was.recentCorrect,
    recentCount: 1 + fading * was.recentCount,
    lossSum: was.lossSum + (hasLoss ? score.loss : 0),
    lossCount: was.lossCount + (hasLoss ? 1 : 0),
  }
}

/** An example that nothing could answer. */
export function withUnanswered(was: ScoreSums): ScoreSums {
  return { ...was, unanswered: (was.unanswered ?? 0) + 1 }
}

export function scoresOf(sums: ScoreSums): Scores {
  const { count, correct, recentCorrect, recentCount, lossSum, lossCount } = sums
  return {
    count,
    accuracy: ratio(correct, count),
    accuracy_recent: ratio(recentCorrect, recentCount),
    loss: ratio(lossSum, lossCount),
  }
}
