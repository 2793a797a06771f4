/**
 * Prequential evaluation (test, then train): scores each example before the learner learns it. That happens when the
 * example arrives, with its block before an update, or in the update's first step. The scores go to the scoreboard and
 * to the judgement of the live version.
 *
 * Dawid (1984), "Present position and potential developments: the prequential approach", JRSS A 147.
 */
import type { RollbackDecision, Rollback, RollbackFacts, Scores } from '../contracts/release.ts'
import type { Example, Head, Score } from '../contracts/example.ts'
import type { LossSum } from '../evaluation/loss-gap.ts'
import { LiveScores, noSums, withScore } from '../evaluation/running-scores.ts'
import { Scoreboard } from '../evaluation/scoreboard.ts'
import { leadingOutputs, outputPositions } from '../nn/head-input.ts'
import { batches } from '../optim/engines/batch.ts'
import type { TrainableState } from '../contracts/adapter.ts'
import type { KnnMemory } from './memory/knn-memory.ts'
import type { TextMemory } from './memory/text-memory.ts'
import type {
  LatentMap,
  LatentRequests,
  LearnerParts,
  LearnerState,
  LiveVersion,
} from './learner-types.ts'
import type { Scoring, ScoreRequests } from './scoring.ts'

interface PrequentialParts extends Pick<
  LearnerParts,
  'trainable' | 'task' | 'train' | 'trigger' | 'rollback' | 'quality'
> {
  readonly scoring: Scoring
  readonly knnMemory: KnnMemory | undefined
  /** Its examples stand before prompts, and change no score. */
  readonly textMemory: TextMemory | undefined
}

export class Prequential {
  readonly scoreboard: Scoreboard
  readonly #parts: PrequentialParts
  readonly #judge: LiveJudge
  /** The head before the update that tests in its first step. */
  #testedHead: Head

  constructor(parts: PrequentialParts) {
    this.#parts = parts
    this.#testedHead = parts.trainable.head
    this.scoreboard = new Scoreboard(parts.task, parts.quality)
    this.#judge = new LiveJudge(parts.rollback, parts.scoring)
  }

  /** Scores an example that is never learned. */
  test(example: Example, latents: LatentMap): void {
    const [score] = this.#parts.scoring.withMemory([example], latents)
    if (score !== undefined) this.#observe(score, example)
  }

  /**
   * The score of a new example, if kNN memory or the trigger needs it now. Memory stores the example after the test.
   */
  onArrival(example: Example, latents: LatentMap): Score | undefined {
    const { trigger, scoring, knnMemory, textMemory } = this.#parts
    textMemory?.add(example)
    if (knnMemory === undefined)
      return trigger.needsScore ? scoring.byHead([example], latents)[0] : undefined
    const [answer] = scoring.answers([example], latents)
    if (answer === undefined) return undefined
    const score = knnMemory.testAndStore(example, answer)
    this.#observe(score, example)
    return score
  }

  /**
   * Whether the steps of an update on the present weights can test the block: the engine returns the logits of a step, nothing needs
   * the scores earlier, and the block is one batch. The head of a closed form is the same until a version of it is made.
   */
  canTestInStep(block: readonly Example[]): boolean {
    const { trainable, train, knnMemory } = this.#parts
    if (knnMemory !== undefined || this.#judge.looksAtScores) return false
    const isOneHead = trainable.learnsOnce === true || block.length <= train.batch
    return (
      block.length > 0 &&
      isOneHead &&
      trainable.testAndStep !== undefined &&
      trainable.observe === undefined
    )
  }

  /**
   * Tests the block before the update, unless its first step does. Returns the decision about the live version;
   * undefined without one.
   */
  *beforeUpdate(
    block: readonly Example[],
    {
      testsInStep,
      live,
    }: { readonly testsInStep: boolean; readonly live: LiveVersion | undefined },
  ): LatentRequests<RollbackDecision | undefined> {
    let tested: readonly Score[] = []
    if (testsInStep) this.#testedHead = this.#parts.trainable.head
    // With kNN memory each example was tested on arrival: by now memory knows it.
    else if (this.#parts.knnMemory === undefined) tested = yield* this.#testBlock(block)
    const line = this.scoreboard.scores()
    const decision = live && (yield* this.#judge.judge(live, { block, tested, line }))
    this.#judge.live.closeBlock()
    return decision
  }

  /**
   * The logits of the examples of the first step: the `fresh` first ones are new, and tested; answers the loss of the others, if
   * it has any. Outputs that are new in this block were unknown to the tested head.
   */
  testedInStep(
    examples: readonly Example[],
    fresh: number,
    logits: readonly Float32Array[],
  ): LossSum | undefined {
    const { task } = this.#parts
    const outputs = task.outputs(this.#testedHead)
    let replayed = noSums
    for (const [row, example] of examples.slice(0, logits.length).entries()) {
      const positions = outputPositions(task.reads, example.encoded)
      const known = leadingOutputs(logits[row] ?? new Float32Array(), outputs, positions)
      const score = task.score(known, example.target, this.#testedHead)
      if (row < fresh) this.#observe(score, example, this.#testedHead)
      else replayed = withScore(replayed, score)
    }
    const { lossSum, lossCount } = replayed
    return lossCount === 0 ? undefined : { sum: lossSum, count: lossCount }
  }

  snapshot(): Pick<LearnerState, 'rollback' | 'live' | 'scoreboard'> {
    return {
      rollback: this.#parts.rollback.snapshot(),
      ...(this.#judge.looksAtScores && { live: this.#judge.live.snapshot() }),
      scoreboard: this.scoreboard.snapshot(),
    }
  }

  restore({ rollback, live, scoreboard }: Pick<LearnerState, 'rollback' | 'live' | 'scoreboard'>) {
    this.#parts.rollback.restore(rollback)
    this.#judge.live.restore(live)
    this.scoreboard.restore(scoreboard)
  }

  *#testBlock(block: readonly Example[]): LatentRequests<readonly Score[]> {
    const tested: Score[] = []
    for (const batch of batches(block, this.#parts.train.batch)) {
      const scores = this.#parts.scoring.byHead(batch, yield batch)
      for (const [row, example] of batch.entries()) {
        const score = scores[row]
        if (score !== undefined) this.#observe(score, example)
      }
      tested.push(...scores)
    }
    return tested
  }

  /** Without outputs, or from weights that have learned nothing, there is no answer that could be right or wrong. */
  #observe(score: Score, example: Example, head = this.#parts.trainable.head): void {
    const isSilent = this.#parts.task.outputs(head) === 0
    if (isSilent || score.isBlank === true) this.scoreboard.leaveOut(example)
    else this.scoreboard.observe(score, example)
    if (!isSilent) this.#judge.observe(score)
  }
}

/** Before the block is learned. */
interface TestedBlock {
  readonly block: readonly Example[]
  /** Scores by the head alone with the learner's own weights; of another length if the block was not tested as a whole. */
  readonly tested: readonly Score[]
  /** The scores of the line of versions. */
  readonly line: Scores
}

/** Asks the rollback policy whether the live version must be rolled back, with its scores on the stream. */
class LiveJudge {
  readonly #rollback: Rollback
  readonly #scoring: Scoring
  readonly live = new LiveScores()

  constructor(rollback: Rollback, scoring: Scoring) {
    this.#rollback = rollback
    this.#scoring = scoring
  }

  get looksAtScores(): boolean {
    return this.#rollback.looksAtScores !== false
  }

  /** Adds the score of an example of the present block, by the learner's own weights. */
  observe(score: Score): void {
    if (this.looksAtScores) this.live.observe(score)
  }

  *judge(live: LiveVersion, tested: TestedBlock): LatentRequests<RollbackDecision> {
    const { version, weights, memorised } = live
    const { block, line } = tested
    if (weights === 'unknown') this.live.replaceBlock([])
    else if (weights !== undefined)
      this.live.replaceBlock(yield* this.#scoring.versionOn(block, { weights, memorised }))
    const scores = this.live.of(version)
    const reference = yield* this.#compared(live, tested)
    return this.#rollback.decide({ scores, line, version, ...(reference && { reference }) })
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
