/**
 * The learner: test, then train. Synchronous and without I/O; its behaviour depends only on its examples and its
 * checkpointed state, so a crash changes nothing (law 2).
 *
 * `accept` collects examples until the trigger asks for an update. `update` is a generator: it yields the examples
 * that it needs latents of and is resumed with them, because latents are a cache outside, and the process may do
 * other work in between.
 */
import type { TrainableState } from '../contracts/adapter.ts'
import type { Decision, ExampleKey, Tensor, Tensors } from '../contracts/core.ts'
import type { Alarm, AlarmCount } from '../contracts/policy.ts'
import type {
  KlReport,
  LossGapReport,
  RollbackDecision,
  Scores,
  SliceGap,
} from '../contracts/release.ts'
import type { Example, Head, Remembered, Score, TaskFacts } from '../contracts/task.ts'
import type { QualityReport } from '../evaluation/contract.ts'
import type { MemoryShape } from '../versions/contract.ts'
import { boundUpdate } from '../optim/update-bound.ts'
import { batches } from '../optim/batches.ts'
import { invariant } from '../platform/errors.ts'
import type {
  LatentMap,
  LearnerParts,
  LiveVersion,
  VersionState,
  LearnerState,
  Retraction,
  Outcome,
  TriggerState,
  Update,
  UpdateOptions,
} from './learner-types.ts'
import { ReplayBuffer } from './replay-buffer.ts'
import { Pending } from './pending.ts'
import { KnnMemory, type Memorised } from './knn-memory.ts'
import { learnFewShot, usable } from './few-shot.ts'
import { LiveJudge } from './live-judge.ts'
import type { Mixture } from './mixture.ts'
import { latentOf } from './rehearsal.ts'
import { Scoring, type Scored } from './scoring.ts'
import { LossGap, type LossSum } from '../evaluation/loss-gap.ts'
import { Scoreboard } from '../evaluation/scoreboard.ts'
import { Training, type Learned } from './training.ts'
import { warmUp, type Warmed } from './warming.ts'

export class Learner {
  readonly #parts: LearnerParts
  readonly #pending: Pending
  readonly #memory: ReplayBuffer
  readonly #knnMemory: KnnMemory | undefined
  readonly #scoreboard: Scoreboard
  readonly #scoring: Scoring
  readonly #judge: LiveJudge
  /** Starts an update for a policy that learns only from the replay buffer (GDumb). */
  readonly #fresh: TrainableState | undefined
  /** It came with the verdict that starts the next update. */
  #alarm: Alarm | undefined
  #dueReason: string | undefined
  readonly #training: Training
  readonly #lossGap: LossGap | undefined
  #kl: KlReport | undefined
  /** The head before the update that tests in its first step. */
  #testedHead: Head
  #learned = 0
  /** The count of learned examples at the last rehearsal. */
  #rehearsedAt = 0
  /** Of the block of this update, where it was tested as a whole. */
  #tested: readonly Score[] = []

  constructor(parts: LearnerParts) {
    this.#parts = parts
    const { task, trainable } = parts
    this.#testedHead = trainable.head
    this.#scoreboard = new Scoreboard(task, parts.quality)
    this.#lossGap = parts.lossGap && new LossGap(parts.lossGap)
    this.#memory = new ReplayBuffer({ ...parts.memory, task })
    this.#pending = new Pending(task, () => trainable.head)
    this.#knnMemory = parts.knnMemory && new KnnMemory(parts.knnMemory, task)
    const { batch } = parts.train
    this.#scoring = new Scoring({ trainable, task, batch, knnMemory: this.#knnMemory })
    this.#judge = new LiveJudge(parts.rollback, this.#scoring)
    this.#training = new Training({
      ...parts,
      memory: this.#memory,
      onTested: (fresh, logits) => this.#observe(fresh, logits),
    })
    if (this.#memory.rehearsal.passes !== undefined) this.#fresh = parts.trainable.snapshot()
  }

  get pending(): readonly Example[] {
    return this.#pending.examples
  }

  isPending(key: ExampleKey): boolean {
    return this.#pending.has(key)
  }

  get pendingCount(): number {
    return this.#pending.size
  }

  get remembered(): readonly Remembered[] {
    return this.#memory.examples
  }

  /** The items of kNN memory; undefined if there is none. A new array after each change. */
  get memorised(): readonly Memorised[] | undefined {
    return this.#knnMemory?.items
  }

  /** By expert, where there are several. */
  get expertWeights(): Readonly<Record<string, number>> | undefined {
    return this.#mixture?.weights
  }

  get memoryShape(): MemoryShape | undefined {
    return this.#knnMemory?.shape
  }

  get scores(): Scores {
    return this.#scoreboard.scores()
  }

  /** Between rows that were trained on and rows that were not. */
  get lossGap(): LossGapReport | undefined {
    return this.#lossGap?.report
  }

  /** How far the weights are from the base, after the last update. */
  get kl(): KlReport | undefined {
    return this.#kl
  }

  get sliceGap(): SliceGap | undefined {
    return this.#scoreboard.sliceGap
  }

  quality(): QualityReport {
    return this.#scoreboard.quality()
  }

  /** Examples learned, steps made, and steps of these that were dropped, in this line of versions. */
  get progress(): { readonly learned: number; readonly steps: number; readonly dropped: number } {
    return { learned: this.#learned, ...this.#training.progress }
  }

  /** The outputs of the head, now and after the next update. */
  get head(): Head {
    return this.#pending.head
  }

  /** The task's part of the manifest of a version made now. */
  get facts(): TaskFacts {
    return { ...this.#parts.task.facts(this.head), ...this.#scoreboard.facts }
  }

  /** Throws a coded error for a target that cannot be learned. */
  check(example: Example): void {
    this.#pending.check(example)
  }

  /** Keys of what would be learned, rehearsed or answered from memory about a prediction. */
  about(predictionId: string | undefined): readonly ExampleKey[] {
    if (predictionId === undefined) return []
    const isAbout = (each: { readonly predictionId?: string }) => each.predictionId === predictionId
    const loose = [...this.pending, ...(this.memorised ?? [])].filter(isAbout)
    return [...new Set([...loose.map(({ key }) => key), ...this.#memory.about(predictionId)])]
  }

  /** Throws a coded error, and changes nothing, for a target that cannot be learned. */
  accept(example: Example, latents: LatentMap, nowMs: number): Decision<'wait' | 'update'> {
    const { trigger, chance: random } = this.#parts
    this.#pending.add(example)
    const seen = { pending: this.#pending.size, nowMs, random }
    const [score] = this.#testedOnArrival(example, latents)
    const decision = trigger.observe(score === undefined ? seen : { ...seen, score })
    this.#alarm = decision.alarm ?? this.#alarm
    if (decision.verdict === 'update') this.#dueReason = decision.reason
    return decision
  }

  /** Under the present weights; changes nothing. */
  scoreOf(example: Example, latents: LatentMap): Score {
    const [score] = this.#scoring.byHead([example], latents)
    invariant(score !== undefined, 'each example has a score')
    return score
  }

  /** Scores an example that is never learned. */
  test(example: Example, latents: LatentMap): void {
    const [score] = this.#scoring.withMemory([example], latents)
    if (score !== undefined) this.#observed(score, example)
  }

  /** Why the trigger asked for its last update. */
  get dueReason(): string | undefined {
    return this.#dueReason
  }

  /** The stream has nothing now: some triggers look at how long. */
  rest(nowMs: number): Decision<'wait' | 'update'> {
    const pending = this.#pending.size
    const decision = this.#parts.trigger.rest?.({ pending, nowMs })
    return decision ?? { verdict: 'wait', reason: 'the trigger goes by events' }
  }

  /** Drops accepted examples that were not learned. */
  dropPending(): readonly Example[] {
    const dropped = this.pending
    this.#pending.restore([])
    this.#alarm = undefined
    return dropped
  }

  /** Forgets what waits and what would be rehearsed; weights keep what they learned by gradients. What has changed. */
  retract(keys: readonly ExampleKey[], latents: LatentMap = new Map()): Retraction {
    const weights = this.#unlearn(keys, latents)
    let learnerState = false
    for (const key of keys) {
      this.#pending.remove(key)
      learnerState = this.#memory.forget(key) || learnerState
      learnerState = this.#knnMemory?.forget(key) === true || learnerState
    }
    return { learnerState, weights }
  }

  /** Of these, the examples that can be subtracted from the weights again: possible for sums, as long as replay has their terms. */
  unlearnable(keys: readonly ExampleKey[]): readonly Remembered[] {
    if (this.#parts.trainable.forget === undefined) return []
    return keys.flatMap((key) => this.#memory.get(key) ?? [])
  }

  #unlearn(keys: readonly ExampleKey[], latents: LatentMap): boolean {
    const rows = this.unlearnable(keys).flatMap(({ key, target, weight }) => {
      const latent = latents.get(key)
      return latent === undefined ? [] : [{ latent, target, weight }]
    })
    if (rows.length > 0) this.#parts.trainable.forget?.(rows)
    return rows.length > 0
  }

  /** `live` is the live version; without it the rollback policy is not called. */
  *update(live?: LiveVersion, { heldOut = [], isRelearned = false }: UpdateOptions = {}): Update {
    const block = this.pending
    // Test, then train: one forward pass does both where nothing has to be decided between them.
    this.#tested = []
    const isFewShot = this.#isFewShotDue(block)
    const testsInStep = !isRelearned && !isFewShot && this.#testsInStep(block)
    if (testsInStep) this.#testedHead = this.#parts.trainable.head
    // With kNN memory each example was tested on arrival: by now memory knows it.
    else if (this.#knnMemory === undefined) yield* this.#test(block)
    const tested = { block, tested: this.#tested, line: this.scores }
    const judged = live && (yield* this.#judge.judge(live, tested))
    this.#judge.closeBlock()
    if (judged?.verdict === 'rollback') return rolledBack(judged)
    const before = this.progress
    const alarm = this.#respondToAlarm()
    if (isRelearned && this.#fresh === undefined && !isFewShot) yield* this.#relearnKept()
    let hasRestarted = false
    this.#training.begin(block.length, { raised: isRaised(alarm) })
    this.extend(this.#pending.grownFor(block))
    if (this.#fresh !== undefined) yield* this.#relearnAll(block, this.#fresh)
    else {
      const learned = isFewShot ? yield* this.#learnFewShot(block) : undefined
      hasRestarted = learned !== undefined
      if (isFewShot && !hasRestarted) {
        if (isRelearned) yield* this.#relearnKept()
        // What its steps taught was undone.
        this.#training.begin(block.length, { raised: isRaised(alarm) })
      }
      this.#remember(learned ?? (yield* this.#training.learn(block, testsInStep, heldOut)))
    }
    const outcome = this.#outcomeSince(before)
    yield* this.#learnMixture(block)
    this.#knnMemory?.published()
    const unlearned = block.filter((example) => !this.#isLearned(example))
    const learned = block.length - unlearned.length
    return {
      ...outcome,
      reason: `${learned} examples`,
      learned,
      ...(unlearned.length > 0 && { unlearned }),
      ...(this.#training.isStopped && { isStopped: true }),
      ...(hasRestarted && { hasRestarted }),
      ...(alarm && { alarm }),
    }
  }

  /** So many steps on kept examples alone, while the stream rests; what is pending stays so. */
  *rehearse(steps: number): Update {
    const before = this.progress
    yield* this.#training.rehearse(steps)
    this.leaveRehearsal()
    this.#knnMemory?.published()
    return this.#outcomeSince(before)
  }

  /** There is none until something more was learned. */
  leaveRehearsal(): void {
    this.#rehearsedAt = this.#learned
  }

  /** Steps on kept examples that a stream at rest leaves time for: none where all that was learned was rehearsed so. */
  get restSteps(): number {
    const { train, trainable } = this.#parts
    const isNew = this.#learned > this.#rehearsedAt && this.#pending.size === 0
    // Sums count an example once, and a policy that learns from the buffer alone has made its passes over it.
    const isPossible = trainable.learnsOnce !== true && this.#fresh === undefined
    return isNew && isPossible ? (train.rest_steps ?? 0) : 0
  }

  #outcomeSince(before: Learner['progress']): Outcome {
    const { poison, droppedKeys } = this.#training
    for (const key of poison) this.#forgetPoison(key)
    const steps = this.progress.steps - before.steps
    const dropped = this.progress.dropped - before.dropped
    return {
      verdict: 'learned',
      reason: `${steps} steps on kept examples`,
      learned: 0,
      ...{ steps, dropped },
      ...(poison.size > 0 && { poison: [...poison] }),
      ...(dropped > 0 && { droppedKeys }),
    }
  }

  /** Scales an update back that has moved the weights by more than this part of their length; what is left of it. */
  boundUpdate(before: TrainableState, most: number): number | undefined {
    const { trainable } = this.#parts
    if (trainable.learnsOnce === true) return undefined
    const bound = boundUpdate(before, trainable.snapshot(), most)
    if (bound !== undefined) trainable.restore(bound.state)
    return bound?.factor
  }

  /**
   * How the present weights answer these examples, or another version, each together with its kNN memory. Nothing is
   * learned.
   */
  scoresOn(examples: readonly Example[], version?: VersionState): Scored {
    return this.#scoring.versionOn(examples, version)
  }

  /** Of the last update: up to `count` replayed rows, or new ones where none was replayed. */
  trainedOn(block: readonly Example[], count: number): readonly Example[] {
    const isNew = new Set(block.map(({ key }) => key))
    const replayed = this.#training.taught.flatMap((key) =>
      isNew.has(key) ? [] : (this.#memory.get(key) ?? []),
    )
    const rows = replayed.length > 0 ? replayed : block.filter((each) => this.#isLearned(each))
    return rows.slice(0, count)
  }

  /** Of the present head alone: what memory answers is no sign of what the weights have learned. */
  lossOn(examples: readonly Example[]): Scored<LossSum> {
    return this.#scoring.lossOn(examples)
  }

  /** Once after each update, where the task answers with texts. */
  *measureKl(
    examples: readonly Example[],
    from: KlReport['from'],
  ): Generator<readonly Example[], void, LatentMap> {
    const { trainable, train } = this.#parts
    if (trainable.divergences === undefined || examples.length === 0) return
    let sum = 0
    for (const batch of batches(examples, train.batch)) {
      const latents = yield batch
      const found = trainable.divergences(batch.map(({ key }) => latentOf(key, latents)))
      sum += found.reduce((total, value) => total + value, 0)
    }
    this.#kl = { per_token: sum / examples.length, rows: examples.length, from }
  }

  /** Once after each update. */
  observeLosses(losses: { readonly trained: LossSum; readonly heldOut?: LossSum }): void {
    this.#lossGap?.observe({ ...losses, prequential: this.#scoreboard.losses })
  }

  /** Fresh weights learn what an earlier adapter remembered. The scores stay those of the stream. */
  *warmUp(examples: readonly Example[]): Generator<readonly Example[], Warmed, LatentMap> {
    const parts = { ...this.#parts, training: this.#training, memory: this.#memory }
    const warmed = yield* warmUp(examples, this.scores.accuracy_recent, parts)
    this.#learned = warmed.learned
    return warmed
  }

  /** Why a version should be made of what memory has, before the next update; undefined when none should. */
  get publicationDue(): string | undefined {
    return this.#knnMemory?.due
  }

  /** The live version's memory contains an item that was retracted. */
  outdateMemory(): void {
    this.#knnMemory?.markStale()
  }

  /** Makes the learner what that version is. Whether weights have changed: the head gets the outputs that memory knows. */
  memoryPublished(): boolean {
    this.#knnMemory?.published()
    return this.extend(this.#pending.head)
  }

  /** Adds the outputs of `other` that the head lacks; returns whether there were any. */
  extend(other: Head): boolean {
    const { trainable, task } = this.#parts
    const head = task.union(trainable.head, other)
    const isLonger = head !== trainable.head
    if (isLonger) trainable.grow(head)
    this.#pending.headChanged()
    return isLonger
  }

  parameters(): Tensors {
    const { trainable } = this.#parts
    const parameters = trainable.parameters()
    if (this.#knnMemory === undefined) return parameters
    return new Map([...parameters, ...this.#knnMemory.parameters(trainable.head)])
  }

  weights(): TrainableState {
    const state = this.#parts.trainable.snapshot()
    const learned = this.#mixture?.learnedTensors() ?? []
    return { ...state, tensors: new Map([...state.tensors, ...learned]) }
  }

  learnerState(): LearnerState {
    const lossGap = this.#lossGap?.snapshot()
    return {
      memory: this.#memory.snapshot(this.#parts.trainable.head),
      rate: this.#parts.rate.snapshot(),
      rollback: this.#parts.rollback.snapshot(),
      ...(this.#judge.looksAtScores && { live: this.#judge.snapshot() }),
      ...(this.#knnMemory && { wrong: this.#knnMemory.wrong }),
      ...(this.#knnMemory?.isStale === true && { stale: true }),
      ...(this.#mixture && {
        mixture: this.#mixture.snapshot(),
        published: this.#knnMemory?.publishedAt ?? -1,
      }),
      scoreboard: this.#scoreboard.snapshot(),
      ...(lossGap && { lossGap }),
      ...(this.#kl && { kl: this.#kl }),
      ...(this.#rehearsedAt > 0 && { rehearsed: this.#rehearsedAt }),
      ...this.progress,
    }
  }

  /** Restores weights and state; pending examples stay pending. */
  restore(
    weights: TrainableState,
    learnerState: LearnerState,
    remembered: readonly Remembered[],
    memorised: readonly Memorised[] = [],
  ): void {
    this.#parts.trainable.restore(weights)
    this.#pending.headChanged()
    this.#memory.restore(learnerState.memory, remembered, weights.head)
    this.#mixture?.restoreLearned(weights.tensors)
    this.#mixture?.restore(learnerState.mixture)
    this.#knnMemory?.restore(memorised, learnerState)
    this.#parts.rate.restore(learnerState.rate ?? null)
    this.#parts.rollback.restore(learnerState.rollback)
    this.#judge.restore(learnerState.live)
    this.#scoreboard.restore(learnerState.scoreboard)
    this.#lossGap?.restore(learnerState.lossGap ?? null)
    this.#kl = learnerState.kl
    this.#training.restore(learnerState)
    this.#learned = learnerState.learned
    this.#rehearsedAt = learnerState.rehearsed ?? 0
  }

  triggerState(): TriggerState {
    const { trigger, chance } = this.#parts
    const { reason, response } = this.#alarm ?? {}
    return {
      policy: trigger.snapshot(),
      chance: chance.snapshot(),
      ...(reason !== undefined && response !== undefined && { alarm: { reason, response } }),
    }
  }

  get alarms(): AlarmCount | undefined {
    return this.#parts.trigger.alarms?.()
  }

  /** Examples accepted and not learned when the checkpoint was written, and the trigger's state for them. */
  resume(pending: readonly Example[], state: TriggerState | null): void {
    const { trigger, chance } = this.#parts
    this.#pending.restore(pending)
    trigger.restore(state?.policy ?? null)
    this.#alarm = state?.alarm
    if (state !== null) chance.restore(state.chance)
  }

  /** Scores the block with the weights as they are before they learn from it. */
  *#test(block: readonly Example[]): Generator<readonly Example[], void, LatentMap> {
    const tested: Score[] = []
    for (const batch of batches(block, this.#parts.train.batch))
      for (const [row, score] of this.#scoring.byHead(batch, yield batch).entries()) {
        this.#observed(score, batch[row])
        tested.push(score)
      }
    this.#tested = tested
  }

  /** Scores on arrival, if required. Memory takes it in after the test. */
  #testedOnArrival(example: Example, latents: LatentMap): readonly Score[] {
    const { trigger } = this.#parts
    if (this.#knnMemory === undefined)
      return trigger.needsScore ? this.#scoring.byHead([example], latents) : []
    const score = this.#knnMemory.testAndStore(example, this.#scoring.answer(example, latents))
    this.#observed(score, example)
    return [score]
  }

  /** Done once, also when the update is begun again on an earlier version. */
  #respondToAlarm(): Alarm | undefined {
    const alarm = this.#alarm
    this.#alarm = undefined
    const { trainable, freshParameters } = this.#parts
    const { head } = trainable
    if (alarm?.response === 'fresh-adapter')
      trainable.restore({ head, tensors: freshParameters(head), steps: 0 })
    if (alarm?.response === 'fresh-adapter' || alarm?.response === 'fresh-replay') {
      for (const { key } of this.#memory.examples) this.#memory.forget(key)
      this.#knnMemory?.clear()
    }
    return alarm
  }

  /** Its first step is the only one that sees the weights as they are now. */
  #testsInStep(block: readonly Example[]): boolean {
    const { trainable, train } = this.#parts
    if (this.#knnMemory !== undefined) return false
    const isOneBatch = block.length > 0 && block.length <= train.batch
    if (this.#fresh !== undefined || this.#alarm?.response === 'fresh-adapter') return false
    const steps = trainable.testAndStep !== undefined && trainable.observe === undefined
    return isOneBatch && !this.#judge.looksAtScores && steps
  }

  /** From fresh weights, over all that is kept, the block among it. */
  *#relearnAll(
    block: readonly Example[],
    fresh: TrainableState,
  ): Generator<readonly Example[], void, LatentMap> {
    const { trainable } = this.#parts
    const { head } = trainable
    this.#remember({ block, logits: new Map() })
    trainable.restore(fresh)
    this.extend(head)
    yield* this.#training.learnAll()
  }

  #isFewShotDue(block: readonly Example[]): boolean {
    const { fewShot, trainable } = this.#parts
    if (fewShot?.isOff === true || trainable.embedding === undefined) return false
    if (this.#fresh !== undefined) return false
    const learned = { before: this.#learned, after: this.#learned + block.length }
    return fewShot?.isDue(learned) === true
  }

  /** Fresh weights, from all that is kept and the block. Undefined, and nothing has changed, where that is not possible. */
  *#learnFewShot(
    block: readonly Example[],
  ): Generator<readonly Example[], Learned | undefined, LatentMap> {
    const { trainable, freshParameters, fewShot: policy, task, trust } = this.#parts
    const { embedding, head } = trainable
    const inBlock = new Set(block.map(({ key }) => key))
    const kept = this.#memory.examples.filter(({ key }) => !inBlock.has(key))
    const all = [...kept, ...block]
    const chosen = usable(all, { task, trainable })
    const strata = new Set(chosen.map(({ target }) => task.stratum(target)))
    if (policy === undefined || embedding === undefined || strata.size < 2) return undefined
    const before = trainable.snapshot()
    trainable.restore({ head, tensors: freshParameters(head), steps: 0 })
    const isLearned = yield* learnFewShot(chosen, {
      ...{ policy, trainable, embedding, task, trust },
      shuffle: (items) => this.#memory.shuffle(items),
      onStep: (examples, result) => {
        this.#training.made(examples, result)
      },
    })
    // Ordinary steps find the examples that are at fault.
    if (!isLearned) trainable.restore(before)
    if (!isLearned) return undefined
    const taught = new Set(chosen.map(({ key }) => key))
    const isOwn = ({ key, target }: Remembered) =>
      !taught.has(key) && (inBlock.has(key) || !task.silent.includes(task.stratum(target)))
    yield* this.#training.pass(all.filter(isOwn))
    return { block, logits: new Map() }
  }

  /** Fresh weights learn what is kept, as often as a stream of it would have been rehearsed. */
  *#relearnKept(): Generator<readonly Example[], void, LatentMap> {
    const { trainable, freshParameters, train } = this.#parts
    const { head } = trainable
    trainable.restore({ head, tensors: freshParameters(head), steps: 0 })
    const isOnce = trainable.learnsOnce === true
    const passes = isOnce ? 1 : Math.ceil((train.batch + train.replay_batch) / train.batch)
    this.#training.beginPass(passes * this.#memory.examples.length)
    yield* this.#training.learnAll(passes)
  }

  /** Outputs that are new in this block were unknown to the tested head. */
  #observe(fresh: readonly Example[], logits: readonly Float32Array[]): void {
    const { task } = this.#parts
    const outputs = task.outputs(this.#testedHead)
    for (const [row, example] of fresh.entries()) {
      const known = logits[row]?.subarray(0, outputs) ?? new Float32Array()
      this.#observed(task.score(known, example.target, this.#testedHead), example)
    }
  }

  #observed(score: Score, example: Example | undefined): void {
    if (example === undefined) return
    this.#scoreboard.observe(score, example)
    this.#judge.observe(score)
  }

  /** A policy that learns from replay alone learns it when it is kept there. */
  #isLearned({ key }: Example): boolean {
    if (this.#training.poison.has(key)) return false
    return this.#fresh !== undefined || this.#training.hasTaught(key)
  }

  /** The experts beside the adapter learn what it has learned. */
  *#learnMixture(block: readonly Example[]): Generator<readonly Example[], void, LatentMap> {
    const mixture = this.#mixture
    if (mixture === undefined) return
    const { trainable, task, train } = this.#parts
    const { head, statistics = new Map<string, Tensor>() } = trainable
    const learned = block.filter((example) => this.#isLearned(example))
    for (const batch of batches(learned, train.batch + train.replay_batch)) {
      const latents = yield batch
      const rows = batch.map((each) => ({ ...each, latent: latentOf(each.key, latents) }))
      mixture.learn(rows, head, statistics, task.outputs(head))
    }
  }

  get #mixture(): Mixture | undefined {
    return this.#knnMemory?.mixture
  }

  /** Otherwise it would make later steps fail. */
  #forgetPoison(key: ExampleKey): void {
    this.#memory.forget(key)
    this.#knnMemory?.forget(key)
  }

  #remember({ block, logits }: Learned): void {
    for (const example of block) {
      this.#pending.remove(example.key)
      if (!this.#isLearned(example)) continue
      this.#memory.remember(example, logits.get(example.key))
      this.#learned += 1
    }
  }
}

function isRaised(alarm: Alarm | undefined): boolean {
  return alarm?.response === 'raise-rate' || alarm?.response === 'fresh-replay'
}

function rolledBack({ reason, to }: RollbackDecision): Outcome {
  const nothing = { learned: 0, steps: 0, dropped: 0 }
  return { verdict: 'rollback', reason, ...(to !== undefined && { to }), ...nothing }
}
