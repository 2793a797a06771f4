/**
 * How good the learner is, by testing each example before learning from it (prequential evaluation), so that every
 * label of the stream is a fair test and none has to be set aside.
 *
 *   accuracy        = Σ eᵢ / n
 *   accuracy_recent = Sᵢ / Nᵢ,  Sᵢ = eᵢ + α·Sᵢ₋₁,  Nᵢ = 1 + α·Nᵢ₋₁   (a fading factor: two numbers, no window to keep)
 *   loss            = mean of the losses before learning
 *
 * Gama, Sebastião & Rodrigues (2013), "On evaluating stream learning algorithms", Machine Learning 90(3).
 */
import type { Stateful } from '../contracts/core.ts'
import type { Scores } from '../contracts/policy.ts'
import type { Example, Score } from '../contracts/task.ts'
import type { QualityReport } from './contract.ts'
import { defaultQualityLimits, Quality, type QualityLimits, type QualityState } from './quality.ts'
import { fading, ratio } from './running-accuracy.ts'

interface Sums {
  readonly count: number
  readonly correct: number
  readonly recentCorrect: number
  readonly recentCount: number
  readonly lossSum: number
  readonly lossCount: number
}

export interface ScoreboardState extends Sums {
  readonly [key: string]: number | QualityState
  /** Absent in a checkpoint of before it was kept. */
  readonly quality?: QualityState
}

const empty: Sums = {
  count: 0,
  correct: 0,
  recentCorrect: 0,
  recentCount: 0,
  lossSum: 0,
  lossCount: 0,
}

export class Scoreboard implements Stateful<ScoreboardState> {
  readonly #limits: QualityLimits
  #state = empty
  #quality: Quality

  constructor(limits: QualityLimits = defaultQualityLimits) {
    this.#limits = limits
    this.#quality = new Quality(limits)
  }

  /** An infinite loss (the head was certain of another label) has no mean: it is left out of that one alone. */
  observe(score: Score, example: Pick<Example, 'source' | 'target'>): void {
    this.#quality.observe(score, example)
    const was = this.#state
    const right = score.correct ? 1 : 0
    const hasLoss = Number.isFinite(score.loss)
    this.#state = {
      count: was.count + 1,
      correct: was.correct + right,
      recentCorrect: right + fading * was.recentCorrect,
      recentCount: 1 + fading * was.recentCount,
      lossSum: was.lossSum + (hasLoss ? score.loss : 0),
      lossCount: was.lossCount + (hasLoss ? 1 : 0),
    }
  }

  scores(): Scores {
    const { count, correct, recentCorrect, recentCount, lossSum, lossCount } = this.#state
    return {
      count,
      accuracy: ratio(correct, count),
      accuracy_recent: ratio(recentCorrect, recentCount),
      loss: ratio(lossSum, lossCount),
    }
  }

  quality(): QualityReport {
    return this.#quality.report()
  }

  snapshot(): ScoreboardState {
    return { ...this.#state, quality: this.#quality.snapshot() }
  }

  restore({ quality, ...sums }: ScoreboardState): void {
    this.#state = sums
    this.#quality = new Quality(this.#limits)
    if (quality !== undefined) this.#quality.restore(quality)
  }
}
