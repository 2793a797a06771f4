/**
 * The learner: test, then train. Synchronous and without I/O; its behaviour depends only on its examples and its
 * checkpointed state, so a crash changes nothing (law 2).
 *
 * `accept` collects examples until the trigger asks for an update. `update` is a generator: it yields the examples
 * that it needs latents of and is resumed with them, because latents are a cache outside, and the process may do
 * other work in between. This file is what the trainer sees; each part has a file of its own.
 */
import type {
  SummedExamples,
  SummedRow,
  SumsReport,
  SumsWithout,
  TrainableState,
} from '../contracts/adapter.ts'
import type { Decision, ExampleKey, Tensors } from '../contracts/core.ts'
import type { Scores } from '../contracts/release.ts'
import type { HeadlineValue } from '../contracts/task-view.ts'
import type { Example, Head, RememberedExample, Score, TaskFacts } from '../contracts/example.ts'
import { headlineOf, headlineValue } from '../evaluation/contract.ts'
import type { Scoreboard } from '../evaluation/scoreboard.ts'
import { boundUpdate } from '../optim/update-bound.ts'
import { invariant } from '../platform/errors.ts'
import type {
  LatentMap,
  LatentRequests,
  LearnerParts,
  LearnerState,
  LiveVersion,
  Outcome,
  Retraction,
  TriggerState,
  UpdateOptions,
} from './learner-types.ts'
import { KnnMemory } from './memory/knn-memory.ts'
import { TextMemory } from './memory/text-memory.ts'
import type { ExampleMemory, MemorisedItem } from './memory/example-memory.ts'
import type { Mixture } from './memory/mixture.ts'
import { Pending, UpdateTrigger } from './pending.ts'
import { Prequential } from './prequential.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import { Scoring, UpdateMeasures } from './scoring.ts'
import { Unlearning } from './unlearning.ts'
import { Updates } from './updates/updates.ts'
import type { WarmUpResult } from './updates/warming.ts'

export class Learner {
  /** How weights answer examples; nothing is learned. */
  readonly scoring: Scoring
  readonly scoreboard: Scoreboard
  readonly updates: Updates
  /** What is measured after each update. */
  readonly measures: UpdateMeasures
  /** Undefined if nothing is kept to answer with. */
  readonly memory: ExampleMemory | undefined
  /** The same, where its examples vote; undefined if the head alone answers. */
  readonly knnMemory: KnnMemory | undefined
  readonly trigger: UpdateTrigger
  readonly #parts: LearnerParts
  readonly #pending: Pending
  readonly #replayBuffer: ReplayBuffer
  readonly #prequential: Prequential
  readonly #unlearning: Unlearning

  constructor(parts: LearnerParts) {
    this.#parts = parts
    const { task, trainable, train } = parts
    this.#pending = new Pending(task, trainable)
    this.#replayBuffer = new ReplayBuffer({ ...parts.replayBuffer, task })
    this.knnMemory = parts.knnMemory && new KnnMemory(parts.knnMemory, task)
    const textMemory = parts.textMemory && new TextMemory(parts.textMemory, task)
    this.memory = this.knnMemory ?? textMemory
    this.trigger = new UpdateTrigger(parts)
    const [pending, replayBuffer] = [this.#pending, this.#replayBuffer]
    const { memory, knnMemory, trigger } = this
    const rows = train.batch + train.replay_batch
    this.scoring = new Scoring({ trainable, task, rows, knnMemory })
    const scoring = this.scoring
    this.#prequential = new Prequential({ ...parts, scoring, knnMemory, textMemory })
    this.scoreboard = this.#prequential.scoreboard
    this.#unlearning = new Unlearning({ ...parts, pending, replayBuffer, memory })
    this.updates = new Updates({
      ...{ learner: parts, pending, replayBuffer, memory, knnMemory, trigger },
      ...{ prequential: this.#prequential, unlearning: this.#unlearning },
    })
    this.measures = new UpdateMeasures(parts)
  }

  // Pending and stored examples, and the head.

  get pending(): readonly Example[] {
    return this.#pending.examples
  }

  isPending(key: ExampleKey): boolean {
    return this.#pending.has(key)
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  get remembered(): readonly RememberedExample[] {
    return this.#replayBuffer.examples
  }

  /** The items of its memory; undefined if there is none. A new array after each change. */
  get memorised(): readonly MemorisedItem[] | undefined {
    return this.memory?.items
  }

  /** The outputs of the head, now and after the next update. */
  get head(): Head {
    return this.#pending.head
  }

  // Quality and progress.

  get scores(): Scores {
    return this.scoreboard.scores()
  }

  /** Undefined before anything was scored. */
  get headline(): HeadlineValue | undefined {
    const { view } = this.#parts.task
    const report = this.scoreboard.quality.report()
    return headlineValue(headlineOf(view, this.scores, report), view.score)
  }

  /** The task's part of the manifest of a version made now. */
  get facts(): TaskFacts {
    return { ...this.#parts.task.facts(this.head), ...this.scoreboard.quality.facts }
  }

  /** The same is learned however the examples are grouped into updates. */
  get learnsOnce(): boolean {
    return this.#parts.trainable.learnsOnce === true
  }

  // New examples, until an update is due.

  /** Throws a coded error for a target that cannot be learned. */
  check(example: Example): void {
    this.#pending.check(example)
  }

  /** Throws a coded error, and changes nothing, for a target that cannot be learned. */
  accept(example: Example, latents: LatentMap, nowMs: number): Decision<'wait' | 'update'> {
    this.#pending.add(example)
    const score = this.#prequential.onArrival(example, latents)
    return this.trigger.observe(this.#pending.size, nowMs, score)
  }

  /** Under the present weights; changes nothing. */
  scoreOf(example: Example, latents: LatentMap): Score {
    const [score] = this.scoring.byHead([example], latents)
    invariant(score !== undefined, 'each example has a score')
    return score
  }

  /** Scores an example that is never learned. */
  test(example: Example, latents: LatentMap): void {
    this.#prequential.test(example, latents)
  }

  /** The stream is idle; some triggers measure for how long. */
  rest(nowMs: number): Decision<'wait' | 'update'> {
    return this.trigger.rest(this.#pending.size, nowMs)
  }

  /** Drops accepted examples that were not learned. */
  dropPending(): readonly Example[] {
    const dropped = this.pending
    this.#pending.restore([])
    this.trigger.takeAlarm()
    return dropped
  }

  // Retractions.

  /** Keys of the pending, replayed and memorised examples about a prediction. */
  about(predictionId: string | undefined): readonly ExampleKey[] {
    return predictionId === undefined ? [] : this.#unlearning.about(predictionId)
  }

  /**
   * Those of these examples that can be subtracted from the weights again. Only sums can, while replay or the event log still
   * has the examples.
   */
  unlearnable(keys: readonly ExampleKey[]): readonly RememberedExample[] {
    return this.#unlearning.unlearnable(keys)
  }

  /**
   * Forgets pending, replayed and memorised examples; weights keep what they learned by gradients. Returns what has
   * changed.
   */
  retract(keys: readonly ExampleKey[], latents: LatentMap = new Map()): Retraction {
    return this.#unlearning.retract(keys, latents)
  }

  // Updates.

  /** Learns what is pending. `live` is the live version; without it the rollback policy is not called. */
  update(live?: LiveVersion, options: UpdateOptions = {}): LatentRequests<Outcome> {
    return this.updates.run(live, options)
  }

  /** Fresh weights learn the replay buffer of an earlier adapter. The scores remain those of the stream. */
  warmUp(examples: readonly Example[]): LatentRequests<WarmUpResult> {
    return this.updates.warmUp(examples, this.scores.accuracy_recent)
  }

  /**
   * Scales an update down if it moved the weights, or an expert beside them, by more than `most` of their length; returns
   * the least factor.
   */
  boundUpdate(before: TrainableState, most: number): number | undefined {
    const { trainable } = this.#parts
    const after = trainable.snapshot()
    const isBound = trainable.learnsOnce !== true
    const bound = isBound
      ? boundUpdate(before, after, most, trainable.statistics?.keys())
      : undefined
    if (bound !== undefined) trainable.restore(bound.state)
    const factors = [bound?.factor, this.#mixture?.boundUpdate(before, after, most)]
    const least = Math.min(...factors.map((factor = 1) => factor))
    return least < 1 ? least : undefined
  }

  // Versions made of it.

  /**
   * Memory was published as a version. Returns whether weights have changed, because the head got the outputs that
   * memory knows.
   */
  memoryPublished(): boolean {
    this.memory?.published()
    return this.#pending.extend(this.#pending.head)
  }

  /** Adds the outputs of `other` that the head lacks; returns whether there were any. */
  extend(other: Head): boolean {
    return this.#pending.extend(other)
  }

  /** Examples in exact sums, and outputs that have some; undefined if there are no such sums. */
  get summed(): SummedExamples | undefined {
    return this.#parts.trainable.summed
  }

  /**
   * A kept state with the present sums, without `gone` and with `back`: what is left of the examples that it has learned.
   * Undefined if there are no exact sums.
   */
  resummed(
    state: TrainableState,
    gone: readonly SummedRow[],
    back: readonly SummedRow[],
  ): TrainableState | undefined {
    return this.#parts.trainable.resummed?.(state, gone, back)
  }

  /** The exact sums that the head is solved from; undefined if there are none. */
  get sums(): SumsReport | undefined {
    return this.#parts.trainable.sums?.()
  }

  /** Undefined if it has no exact sums, or some that not every example can be taken out of. */
  get without(): SumsWithout | undefined {
    return this.knnMemory === undefined ? this.#parts.trainable.without : undefined
  }

  parameters(): Tensors {
    const { trainable } = this.#parts
    const parameters = trainable.parameters()
    if (this.memory === undefined) return parameters
    return new Map([...parameters, ...this.memory.parameters(trainable.head)])
  }

  // Its state in the checkpoint.

  weights(): TrainableState {
    return this.scoring.weights()
  }

  learnerState(): LearnerState {
    return {
      memory: this.#replayBuffer.snapshot(this.#parts.trainable.head),
      rate: this.#parts.rate.snapshot(),
      ...this.#prequential.snapshot(),
      ...this.memory?.snapshot(),
      ...this.measures.snapshot(),
      ...this.updates.snapshot(),
    }
  }

  /** Restores weights and state; pending examples stay pending. */
  restore(
    weights: TrainableState,
    learnerState: LearnerState,
    remembered: readonly RememberedExample[],
    memorised: readonly MemorisedItem[] = [],
  ): void {
    this.#parts.trainable.restore(weights)
    this.#pending.headChanged()
    this.#replayBuffer.restore(learnerState.memory, remembered, weights.head)
    this.#mixture?.restoreLearned(weights.tensors)
    this.memory?.restore(memorised, learnerState)
    this.#parts.rate.restore(learnerState.rate ?? null)
    this.#prequential.restore(learnerState)
    this.measures.restore(learnerState)
    this.updates.restore(learnerState)
  }

  triggerState(): TriggerState {
    return this.trigger.snapshot()
  }

  /** Examples accepted and not learned when the checkpoint was written, and the trigger's state for them. */
  resume(pending: readonly Example[], state: TriggerState | null): void {
    this.#pending.restore(pending)
    this.trigger.restore(state)
  }

  get #mixture(): Mixture | undefined {
    return this.knnMemory?.mixture
  }
}
