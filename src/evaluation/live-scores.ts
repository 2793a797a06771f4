/**
 * Prequential scores of the live version: of the examples since it went live, each scored before it was learned. They
 * restart with each version. The live version of a block is known only when the block is complete, so the block's
 * scores are kept separately until then.
 */
import type { Stateful } from '../contracts/core.ts'
import type { Scores } from '../contracts/release.ts'
import type { Score } from '../contracts/example.ts'
import { noSums, scoresOf, withScore, type ScoreSums } from './running-scores.ts'

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
