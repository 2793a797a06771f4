/**
 * Starts what an event makes due: an update, or a version with the new items of kNN memory. The models of a process
 * take turns. It also reports how far feedback is settled: during an update, as far as before it.
 */
import type { Assembly } from '../assembly.ts'
import type { FeedbackProgress } from '../contract.ts'
import { feedbackProgress } from '../status.ts'
import type { UnsavedWork } from '../unsaved.ts'
import type { Manifest } from '../../versions/contract.ts'

/**
 * The most examples of one update behind a backlog: there an update costs as much as so many examples that are encoded with a table
 * of vectors, or by a network. The engine computes them in one step, and hardly more memory holds them than the buffers of sources.
 */
const MOST = { small: 8192, other: 256 }

interface UpdateTurnParts {
  readonly assembly: Assembly
  readonly unsaved: UnsavedWork
  /** Commits the positions of the checkpoint to the sources. */
  readonly commit: (signal: AbortSignal) => Promise<void>
  /** The records that exist and are not read. */
  readonly waiting: (signal: AbortSignal) => Promise<number>
}

export class UpdateTurn {
  readonly #parts: UpdateTurnParts
  /** A record was taken, and the update it starts is not finished. */
  #isActing = false
  #isUpdating = false
  #feedbackBefore: FeedbackProgress | undefined
  /** The newest version of a shard. */
  #published: Manifest | undefined

  constructor(parts: UpdateTurnParts) {
    this.#parts = parts
  }

  /** Stays true after a failed update: the learner's state must not be saved then. */
  get isUpdating(): boolean {
    return this.#isUpdating
  }

  get feedback(): FeedbackProgress | undefined {
    return this.#isUpdating ? this.#feedbackBefore : this.#feedbackNow()
  }

  /** Call it when a record was taken, before it counts as consumed. */
  begin(): void {
    this.#isActing = true
  }

  end(): void {
    this.#isActing = false
  }

  /** The next update is due and waits for its budget, or was due before a crash: nothing is read until it is made. */
  isPutOff(): boolean {
    return this.#parts.assembly.state.progress.hasCut
  }

  /** While an update is put off only a trial may go on: a version that does harm must not wait for a budget. */
  async act(isDue: boolean, signal: AbortSignal): Promise<void> {
    const wasPutOff = this.isPutOff()
    if (!wasPutOff) await this.#learn(isDue, signal)
    if (this.isPutOff() && !wasPutOff) return
    const { rollout } = this.#parts.assembly
    while (rollout.isDue()) await this.exclusively(async () => rollout.act(signal), signal)
  }

  async #learn(isDue: boolean, signal: AbortSignal): Promise<void> {
    const { loop, updater, state, meter } = this.#parts.assembly
    if (isDue && this.#takesMore) return
    if (isDue && (loop.policies.trigger.readsClock === true || meter.isSpent))
      return this.cut(state.learner.trigger.reason ?? '', signal)
    if (isDue) return this.#update(signal)
    const cause = state.learner.memory?.due
    if (cause !== undefined)
      await this.exclusively(async () => updater.publishMemory(cause, signal), signal)
  }

  /**
   * Another run would not choose the same place, or it cannot be made yet: the checkpoint records it before the update
   * begins. One that waits for its budget is made by `finishCut`, at the same place of the stream.
   */
  async cut(reason: string, signal: AbortSignal): Promise<void> {
    const { state, meter } = this.#parts.assembly
    state.progress.cut(reason)
    await state.save(signal)
    this.#parts.unsaved.saved()
    if (meter.isSpent) {
      this.#tellPutOff(reason)
      return
    }
    await this.#update(signal)
  }

  /**
   * The stream rests: steps on kept examples, once after what was learned. Another run would rest elsewhere, so the checkpoint
   * records them before they are made.
   */
  async rehearse(signal: AbortSignal): Promise<void> {
    const { state, meter } = this.#parts.assembly
    const steps = state.learner.updates.restSteps
    if (steps === 0 || meter.isSpent) return
    state.progress.rehearse(steps)
    await state.save(signal)
    this.#parts.unsaved.saved()
    await this.#update(signal)
  }

  /** The stream rests: examples that were taken out of the sums of a shard are missing from its newest version. */
  async publishSubtracted(signal: AbortSignal): Promise<void> {
    const { loop, state, updater, retry } = this.#parts.assembly
    const { parent } = state.progress.state
    const { summed } = state.learner
    if (loop.isShard !== true || parent === null || summed === undefined) return
    if (this.#published?.version !== parent) {
      const read = () => loop.registry.manifest(parent)
      this.#published = await retry.run(`reading the manifest of ${parent}`, read, signal)
    }
    if (this.#published.sums?.examples === summed.examples) return
    const cause = 'sums: an example was taken back'
    await this.exclusively(async () => updater.publishMemory(cause, signal), signal)
  }

  #tellPutOff(reason: string): void {
    const { loop, meter } = this.#parts.assembly
    const { lastHour, perHour, roomAtMs = 0 } = meter.report ?? {}
    const until = new Date(roomAtMs).toISOString()
    const details = { reason, cpu_seconds: lastHour, per_hour: perHour, until }
    loop.log.warn(details, 'the budget of the last hour is spent: the update waits')
  }

  /** A recorded update from before a crash. Pending examples may have been retracted since. */
  async finishCut(signal: AbortSignal): Promise<void> {
    const { state } = this.#parts.assembly
    const isRehearsal = state.progress.state.rehearsal !== undefined
    if (isRehearsal || state.learner.pendingCount > 0) return this.#update(signal)
    state.progress.cut(undefined)
    this.#parts.unsaved.changed()
  }

  async #update(signal: AbortSignal): Promise<void> {
    await this.#lookBehind(signal)
    await this.exclusively(async () => this.#parts.assembly.updater.update(signal), signal)
  }

  /** Everything that waited when the last update began was read, and some of it is not learned. */
  get hasCaughtUp(): boolean {
    const { progress, learner } = this.#parts.assembly.state
    return progress.block !== undefined && learner.pendingCount > 0
  }

  /** An alarm asks for an update at once. */
  get #takesMore(): boolean {
    const { progress, learner } = this.#parts.assembly.state
    const { block = 0 } = progress
    return learner.pendingCount < block && learner.trigger.alarm === undefined
  }

  /**
   * How many examples the next update takes. Sums are the same however they were grouped, and each version costs a solution and a
   * copy of them, so behind a backlog an update takes what waits as this one begins; never more than was learned, so that a new
   * model answers soon.
   *
   *   block = min(waiting, learned, most)
   *
   * It is in the checkpoint of this update, so that a crash does not change it (law 2). Where the trigger may not go by the clock
   * (`rest: 0`), equal streams give equal updates, and there is none.
   */
  async #lookBehind(signal: AbortSignal): Promise<void> {
    const { loop, state } = this.#parts.assembly
    const { trigger } = loop.policies
    if (!state.learner.learnsOnce || trigger.readsClock === true || !trigger.rest) return
    const most = loop.encoding.base.isSmall === true ? MOST.small : MOST.other
    const { learned } = state.progress.state
    const block = Math.min(await this.#parts.waiting(signal), learned, most)
    state.progress.takeNext(block > 0 ? block : undefined)
  }

  /** Work that leaves the learner half changed until it is done. */
  async exclusively(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { assembly, unsaved, commit } = this.#parts
    // Also while it waits for its turn: a checkpoint before the update would delay it.
    this.#feedbackBefore = this.#feedbackNow()
    this.#isUpdating = true
    await assembly.loop.trainingMutex.take(async () => {
      signal.throwIfAborted()
      await work()
    })
    this.#isUpdating = false
    this.#isActing = false
    unsaved.saved()
    unsaved.noted()
    await commit(signal)
    await assembly.updater.tidy()
  }

  #feedbackNow(): FeedbackProgress | undefined {
    const { loop, state } = this.#parts.assembly
    return feedbackProgress(loop, state, this.#isActing)
  }
}
