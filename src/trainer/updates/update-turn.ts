/**
 * What an event starts: an update, or a version with the new items of memory. The models of a process take turns. Knows
 * how far the feedback is settled meanwhile: an update settles it when it ends.
 */
import type { Assembly } from '../start/assembly.ts'
import type { FeedbackProgress } from '../contract.ts'
import { feedbackProgress } from '../status.ts'
import type { Unsaved } from '../unsaved.ts'

export interface UpdateTurnParts {
  readonly assembly: Assembly
  readonly unsaved: Unsaved
  /** Commits the positions of the checkpoint to the sources. */
  readonly commit: (signal: AbortSignal) => Promise<void>
}

export class UpdateTurn {
  readonly #parts: UpdateTurnParts
  /** A record was taken, and the update it starts is not finished. */
  #isActing = false
  #isUpdating = false
  #feedbackBefore: FeedbackProgress | undefined

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

  async act(isDue: boolean, signal: AbortSignal): Promise<void> {
    await this.#learn(isDue, signal)
    const { rollout } = this.#parts.assembly
    while (rollout.isDue) await this.#publish(async () => rollout.act(signal), signal)
  }

  async #learn(isDue: boolean, signal: AbortSignal): Promise<void> {
    const { loop, updater, state } = this.#parts.assembly
    if (isDue && loop.policies.trigger.readsClock)
      return this.cut(state.learner.dueReason ?? 'the time has come', signal)
    if (isDue) return this.#update(signal)
    const cause = state.learner.publicationDue
    if (cause !== undefined)
      await this.#publish(async () => updater.publishMemory(cause, signal), signal)
  }

  /** Another run would not choose the same place: the checkpoint records it before the update begins. */
  async cut(reason: string, signal: AbortSignal): Promise<void> {
    const { state } = this.#parts.assembly
    state.progress.cut(reason)
    await state.save(signal)
    this.#parts.unsaved.saved()
    await this.#update(signal)
  }

  /** A recorded update from before a crash. Pending examples may have been retracted since. */
  async finishCut(signal: AbortSignal): Promise<void> {
    const { state } = this.#parts.assembly
    if (state.learner.pendingCount > 0) return this.#update(signal)
    state.progress.cut(undefined)
    this.#parts.unsaved.changed()
  }

  async #update(signal: AbortSignal): Promise<void> {
    await this.#publish(async () => this.#parts.assembly.updater.update(signal), signal)
  }

  async #publish(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
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
    await commit(signal)
  }

  #feedbackNow(): FeedbackProgress | undefined {
    const { loop, state } = this.#parts.assembly
    return feedbackProgress(loop, state, this.#isActing)
  }
}
