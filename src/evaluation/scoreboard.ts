/**
 * How good the learner is, by testing each example before learning from it (prequential evaluation), so that every
 * example of the stream is a fair test and none has to be set aside.
 */
import type { Stateful } from '../contracts/core.ts'
import type { Scores, SliceGap } from '../contracts/release.ts'
import type { Example, Score, TaskFacts } from '../contracts/example.ts'
import type { Task } from '../contracts/task.ts'
import type { QualityReport } from './contract.ts'
import { defaultQualityLimits, Quality, type QualityLimits, type QualityState } from './quality.ts'
import type { LossSum } from './loss-gap.ts'
import { noSums, scoresOf, withScore, withUnanswered, type ScoreSums } from './running-scores.ts'

export interface ScoreboardState extends ScoreSums {
  readonly [key: string]: number | QualityState
  /** Absent in a checkpoint from before it was stored. */
  readonly quality?: QualityState
}

export class Scoreboard implements Stateful<ScoreboardState> {
  readonly #openQuality: () => Quality
  #state: ScoreSums = noSums
  #quality: Quality

  constructor(task: Pick<Task, 'openQuality'>, limits: QualityLimits = defaultQualityLimits) {
    this.#openQuality = () => new Quality(task, limits)
    this.#quality = this.#openQuality()
  }

  observe(score: Score, example: Pick<Example, 'source' | 'target' | 'slice'>): void {
    this.#quality.observe(score, example)
    this.#state = withScore(this.#state, score)
  }

  /** An example that came while there was nothing to answer with: counted, and no part of any mean. */
  leaveOut({ target }: Pick<Example, 'target'>): void {
    this.#quality.leaveOut(target)
    this.#state = withUnanswered(this.#state)
  }

  /** How many were left out. */
  get unanswered(): number {
    return this.#state.unanswered ?? 0
  }

  scores(): Scores {
    return scoresOf(this.#state)
  }

  /** The sum of all losses so far. */
  get losses(): LossSum {
    return { sum: this.#state.lossSum, count: this.#state.lossCount }
  }

  get sliceGap(): SliceGap | undefined {
    return this.#quality.sliceGap
  }

  /** Facts for the manifest of a version, which needs them to answer. */
  get facts(): TaskFacts {
    return this.#quality.facts
  }

  quality(): QualityReport {
    return this.#quality.report()
  }

  snapshot(): ScoreboardState {
    return { ...this.#state, quality: this.#quality.snapshot() }
  }

  restore({ quality, ...sums }: ScoreboardState): void {
    this.#state = sums
    this.#quality = this.#openQuality()
    if (quality !== undefined) this.#quality.restore(quality)
  }
}
