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
import type { Score, Scores, Stateful } from '../contracts.ts'

/** An example weighs half after 346 others; the weights sum to 500. */
const fading = 0.998

export interface ScoreboardState {
  readonly [key: string]: number
  readonly count: number
  readonly correct: number
  readonly recentCorrect: number
  readonly recentCount: number
  readonly lossSum: number
  readonly lossCount: number
}

const empty: ScoreboardState = {
  count: 0,
  correct: 0,
  recentCorrect: 0,
  recentCount: 0,
  lossSum: 0,
  lossCount: 0,
}

export class Scoreboard implements Stateful<ScoreboardState> {
  #state = empty

  /** An infinite loss (the head was certain of another label) has no mean: it is left out of that one alone. */
  observe(score: Score): void {
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

  snapshot(): ScoreboardState {
    return this.#state
  }

  restore(state: ScoreboardState): void {
    this.#state = { ...state }
  }
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}
