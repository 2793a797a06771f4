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
import type { Stateful } from '../contracts/core.ts'

/** An example weighs half after 346 others; the weights sum to 500. */
export const fading = 0.998

/** A mean over all examples, and over recent ones, such as the share of right answers. */
export type MeanState = readonly [
  count: number,
  sum: number,
  recentCount: number,
  recentSum: number,
]

export const noMean: MeanState = [0, 0, 0, 0]

/** `value`: of an accuracy 1 for a right answer, 0 for a wrong one. */
export function observed(
  [count, sum, recentCount, recentSum]: MeanState,
  value: number,
): MeanState {
  return [count + 1, sum + value, 1 + fading * recentCount, value + fading * recentSum]
}

/** The accuracy of two parts of a stream together. */
export function merged(one: MeanState, other: MeanState): MeanState {
  return [one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]] as const
}

export function accuraciesOf(state: MeanState) {
  const [accuracy, accuracy_recent] = meansOf(state)
  return { accuracy, accuracy_recent }
}

/** Over all examples and over recent ones; 0 if there are none. */
export function meansOf([count, sum, recentCount, recentSum]: MeanState): readonly [
  all: number,
  recent: number,
] {
  return [ratio(sum, count), ratio(recentSum, recentCount)]
}

export function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole
}

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
  const sums = {
    count: was.count + 1,
    correct: was.correct + right,
    recentCorrect: right + fading * was.recentCorrect,
    recentCount: 1 + fading * was.recentCount,
    lossSum: was.lossSum + (hasLoss ? score.loss : 0),
    lossCount: was.lossCount + (hasLoss ? 1 : 0),
  }
  // Made for each example: one that begins with a spread has a shape of its own on Node 20, which all that reads it pays for.
  return was.unanswered === undefined ? sums : { unanswered: was.unanswered, ...sums }
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

/**
 * Prequential scores of the live version: of the examples since it went live, each scored before it was learned. They
 * restart with each version. The live version of a block is known only when the block is complete, so the block's
 * scores are kept separately until then.
 */
export interface LiveScoresState {
  readonly [key: string]: string | SumsState
  readonly version: string
  /** Sums with the block, without it, and of the block alone. */
  readonly all: SumsState
  readonly before: SumsState
  readonly block: SumsState
}

type SumsState = ScoreSums & Readonly<Record<string, number>>

const none: LiveScoresState = {
  version: '',
  all: { ...noSums },
  before: { ...noSums },
  block: { ...noSums },
}

export class LiveScores implements Stateful<LiveScoresState> {
  #state = none

  /** Adds the score of an example of the present block, by the learner's own weights. */
  observe(score: Score): void {
    const { version, all, before, block } = this.#state
    // For every example, so without the spread that would be shorter.
    this.#state = {
      version,
      all: { ...withScore(all, score) },
      before,
      block: { ...withScore(block, score) },
    }
  }

  /** The learner's weights are not those of the live version: these are its scores on the block. */
  replaceBlock(scores: readonly Score[]): void {
    const { before } = this.#state
    this.#state = { ...this.#state, all: before, block: none.block }
    for (const score of scores) this.observe(score)
  }

  /** The scores of the version that is live, the block included. */
  of(version: string): Scores {
    if (version !== this.#state.version)
      this.#state = { ...this.#state, version, all: this.#state.block, before: none.before }
    return scoresOf(this.#state.all)
  }

  /** Later examples belong to the next block. */
  closeBlock(): void {
    const { version, all } = this.#state
    this.#state = { version, all, before: all, block: none.block }
  }

  snapshot(): LiveScoresState {
    return this.#state
  }

  /** Absent in a checkpoint of an earlier release. */
  restore(state: LiveScoresState | undefined): void {
    this.#state = state ?? none
  }
}
