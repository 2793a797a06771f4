/**
 * Asks the rollback policy whether the live version must be rolled back, with the scores of that version on the
 * stream.
 */
import type { TrainableState } from '../contracts/adapter.ts'
import type { Rollback, RollbackDecision, RollbackFacts, Scores } from '../contracts/release.ts'
import type { Example, Score } from '../contracts/example.ts'
import { LiveScores, type LiveScoresState } from '../evaluation/live-scores.ts'
import type { LatentRequests, LiveVersion } from './learner-types.ts'
import type { ScoreRequests, Scoring } from './scoring.ts'

/** Before the block is learned. */
export interface TestedBlock {
  readonly block: readonly Example[]
  /** Scores by the head alone with the learner's own weights; of another length if the block was not tested as a whole. */
  readonly tested: readonly Score[]
  /** The scores of the line of versions. */
  readonly line: Scores
}

export class LiveJudge {
  readonly #rollback: Rollback
  readonly #scoring: Scoring
  readonly #live = new LiveScores()

  constructor(rollback: Rollback, scoring: Scoring) {
    this.#rollback = rollback
    this.#scoring = scoring
  }

  get looksAtScores(): boolean {
    return this.#rollback.looksAtScores !== false
  }

  /** Adds the score of an example of the present block, by the learner's own weights. */
  observe(score: Score): void {
    if (this.looksAtScores) this.#live.observe(score)
  }

  *judge(live: LiveVersion, tested: TestedBlock): LatentRequests<RollbackDecision> {
    const { version, weights, memorised } = live
    const { block, line } = tested
    if (weights === 'unknown') this.#live.replaceBlock([])
    else if (weights !== undefined)
      this.#live.replaceBlock(yield* this.#scoring.versionOn(block, { weights, memorised }))
    const scores = this.#live.of(version)
    const reference = yield* this.#compared(live, tested)
    return this.#rollback.decide({ scores, line, version, ...(reference && { reference }) })
  }

  /** Later examples belong to the next block. */
  closeBlock(): void {
    this.#live.closeBlock()
  }

  snapshot(): LiveScoresState {
    return this.#live.snapshot()
  }

  /** Absent in a checkpoint of an earlier release. */
  restore(state: LiveScoresState | undefined): void {
    this.#live.restore(state)
  }

  *#compared(
    { weights, reference }: LiveVersion,
    { block, tested }: TestedBlock,
  ): LatentRequests<RollbackFacts['reference']> {
    if (reference === undefined || weights === 'unknown') return undefined
    const live = yield* this.#answers(block, tested, weights)
    const others = yield* this.#scoring.headOn(block, reference.weights)
    const answers = live.map(({ error }, at) => ({
      live: error,
      reference: others[at]?.error ?? error,
    }))
    return { version: reference.version, answers }
  }

  *#answers(
    block: readonly Example[],
    tested: readonly Score[],
    weights: TrainableState | undefined,
  ): ScoreRequests {
    const isTested = weights === undefined && tested.length === block.length
    return isTested ? tested : yield* this.#scoring.headOn(block, weights)
  }
}
