/**
 * The trainer of one model: read, admit, learn, publish, save, turn after turn. Everything that waits is here and in
 * what it calls; everything that decides is in the learner.
 *
 * A crash at any instant changes nothing (law 2): what the learner does depends on the order of records alone, not on
 * how they were read, and each effect may be repeated.
 */
import type { BufferedRecord } from './sources/prefetcher.ts'
import { setImmediate as breathe } from 'node:timers/promises'
import { CodedError } from '../contracts/core.ts'
import type { QualityReport } from '../evaluation/contract.ts'
import type { FeedbackProgress, TrainerStatus } from './contract.ts'
import { Closers } from '../platform/closers.ts'
import type { Admission } from './admission.ts'
import { assemble, openAdmission, openStream, type Assembly } from './assembly.ts'
import { resume } from './resume.ts'
import { feedbackProgress } from './status.ts'
import type { SourceMultiplexer } from './sources/multiplexer.ts'
import type { LoopParts } from './parts.ts'
import { isLeaseLost } from '../platform/retry.ts'
import { Progress } from './backlog-progress.ts'
import { statusOf } from './status.ts'

export interface Loop {
  readonly model: string
  /**
   * Ends when the signal stops it, or when the world fails in a way that no waiting mends: the status says how.
   * Rejects for a defect of ours. Call it once.
   */
  run(signal: AbortSignal): Promise<void>
  /** There may be new records, or another live version. */
  wake(): void
  status(): TrainerStatus
  /** Takes longer than a status, and is told less often. */
  quality(): QualityReport
}

export function openLoop(parts: LoopParts): Loop {
  return new ModelLoop({ ...parts, log: parts.log.child({ model: parts.model }) })
}

/** Messages that were refused wait in memory for the next checkpoint. */
const unwrittenBytes = 4 * 1024 * 1024

/** How many waiting events are tried again when the stream rests. */
const triedAtRest = 100

/** Between two looks at a pointer that is on the move. */
const PAUSE_MS = 100

class ModelLoop implements Loop {
  readonly #parts: LoopParts
  readonly #assembly: Assembly
  #running: { readonly stream: SourceMultiplexer; readonly admission: Admission } | undefined
  #phase: Pick<TrainerStatus, 'state' | 'code' | 'message'> = { state: 'starting' }
  /** Something was consumed that the checkpoint does not have. */
  #isDirty = false
  #isUpdating = false
  /** A record was taken, and what it asks for is not finished. */
  #isActing = false
  /** What an update makes of what was read is settled when it has ended. */
  #feedbackBefore: FeedbackProgress | undefined
  /** The checkpoint has been read. */
  #hasBegun = false
  /** Records consumed since the last checkpoint, and when that was. */
  #unsaved = 0
  #savedMs = 0
  /** Records consumed since it began. */
  #consumed = 0
  readonly #progress: Progress

  constructor(parts: LoopParts) {
    this.#parts = parts
    this.#assembly = assemble(parts)
    this.#progress = new Progress(parts)
  }

  get model(): string {
    return this.#parts.model
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await resume(this.#assembly, signal)
      this.#hasBegun = true
      const stream = openStream(this.#assembly)
      const admission = openAdmission(this.#assembly)
      this.#running = { stream, admission }
      this.#enter('running')
      await this.#tryAgain(admission, signal)
      while (!signal.aborted) await this.#turn(stream, admission, signal)
      this.#phase = { state: 'stopped' }
    } catch (error) {
      await this.#failed(error, signal)
    } finally {
      await this.#close()
    }
  }

  wake(): void {
    this.#running?.stream.wake()
  }

  status(): TrainerStatus {
    const { state, times } = this.#assembly
    const shown = statusOf(this.#parts, state, this.#running?.stream, this.#progress, times)
    const feedback = this.#isUpdating ? this.#feedbackBefore : this.#feedback()
    return {
      ...shown,
      ...this.#phase,
      ...(feedback && { feedback }),
      ...(!this.#hasBegun && { isBlank: true }),
    }
  }

  quality(): QualityReport {
    return this.#assembly.state.learner.quality()
  }

  async #turn(stream: SourceMultiplexer, admission: Admission, signal: AbortSignal): Promise<void> {
    // Nothing below may have to wait: messages, timers and a stop get their chance here.
    await breathe()
    const { pointer } = this.#assembly
    if (!(await pointer.follow(signal, () => stream.isReady(signal))))
      return this.#pause(stream, signal)
    if (this.#assembly.state.tally.isPaused) return this.#standStill(stream, signal)
    if (this.#assembly.state.tally.state.cut !== undefined) await this.#finishCut(signal)
    if (await this.#relearn(admission, signal)) return
    // Somebody may have gone back to a version that must not answer as it is.
    await this.#act(false, signal)
    for (let read = 0; read < this.#parts.limits.records; read += 1) {
      const received = stream.take() ?? (await stream.next(signal))
      if (received === undefined) return this.#rest(stream, admission, signal)
      await this.#take(received, stream, admission, signal)
      if (signal.aborted) break
    }
    this.#progress.look(this.#consumed, stream.lag)
    if (signal.aborted || this.#isSaveDue()) await this.#save(signal)
  }

  /** A person has told it to learn nothing: events stay where they are. */
  async #standStill(stream: SourceMultiplexer, signal: AbortSignal): Promise<void> {
    await this.#save(signal)
    await stream.measure(signal)
    this.#enter('paused')
    await stream.pause(this.#parts.limits.idleMs, signal)
  }

  /** Some of what was set aside and is asked for, before any record is read; whether there was any. */
  async #relearn(admission: Admission, signal: AbortSignal): Promise<boolean> {
    const { setAside } = this.#assembly.state
    let count = 0
    for (; count < this.#parts.limits.records && !signal.aborted; count += 1) {
      const entry = setAside.nextDue()
      if (entry === undefined) break
      this.#enter('running')
      const isDue = await admission.relearn(entry, signal)
      this.#isDirty = true
      this.#unsaved += 1
      await this.#act(isDue, signal)
    }
    if (count > 0 && (signal.aborted || this.#isSaveDue())) await this.#save(signal)
    return count > 0
  }

  /** Everything that was there when somebody rolled back has been read. Saved before anything else is read. */
  async #liftBarrier(stream: SourceMultiplexer, signal: AbortSignal): Promise<void> {
    const { tally } = this.#assembly.state
    if (tally.barrier === undefined) return
    await stream.measure(signal)
    if (!stream.isExhausted) return
    tally.putBarrier(undefined)
    this.#isDirty = true
  }

  async #take(
    received: BufferedRecord,
    stream: SourceMultiplexer,
    admission: Admission,
    signal: AbortSignal,
  ): Promise<void> {
    admission.lookAhead(stream)
    const due = admission.admit(received, signal)
    const isDue = typeof due === 'boolean' ? due : await due
    const { state } = this.#assembly
    this.#isActing = true
    state.tally.consumed(received)
    state.turn = stream.turn
    this.#isDirty = true
    this.#unsaved += 1
    this.#consumed += 1
    this.#enter('running')
    await this.#act(isDue, signal)
    this.#isActing = false
    await this.#tryAgain(admission, signal)
  }

  /** What a crash would have to read again, and what waits in memory, is bounded; so is the time that the disk takes. */
  #isSaveDue(): boolean {
    const { limits, clock } = this.#parts
    const { records, ms } = limits.unsaved ?? { records: 0, ms: 0 }
    if (this.#unsaved >= records || this.#assembly.state.letters.bytes >= unwrittenBytes)
      return true
    return clock.monotonicMs() - this.#savedMs >= ms
  }

  /** Events whose prediction was missing, as far as their time has come. */
  async #tryAgain(admission: Admission, signal: AbortSignal): Promise<void> {
    const { tally } = this.#assembly.state
    const before = tally.triedAgainUpTo
    for (let next = admission.nextAgain(); next !== undefined; next = admission.nextAgain())
      await this.#act(await admission.again(next, signal), signal)
    if (tally.triedAgainUpTo !== before) this.#isDirty = true
  }

  /** Nothing to read, and the pointer is on the move. */
  async #pause(stream: SourceMultiplexer, signal: AbortSignal): Promise<void> {
    await this.#save(signal)
    await stream.rest(PAUSE_MS, signal)
  }

  /** Nothing to read: late predictions get another chance, then wait. */
  async #rest(stream: SourceMultiplexer, admission: Admission, signal: AbortSignal): Promise<void> {
    const { state } = this.#assembly
    for (const waiting of state.waiting.newest(triedAtRest)) {
      const isDue = await admission.again(waiting, signal)
      if (!state.waiting.has(waiting.key)) this.#isDirty = true
      await this.#act(isDue, signal)
    }
    // A trigger that goes by the clock is asked here, where nothing else would wake it.
    const { verdict, reason } = state.learner.rest(this.#parts.clock.nowMs())
    if (verdict === 'update') await this.#cut(reason, signal)
    await this.#liftBarrier(stream, signal)
    await this.#save(signal)
    await stream.measure(signal)
    this.#progress.look(this.#consumed, stream.lag)
    if (stream.isMeasured) this.#enter('idle')
    await stream.rest(this.#parts.limits.idleMs, signal)
  }

  /** What an event asks for: an update, or at least a version of what memory has taken in. */
  async #act(isDue: boolean, signal: AbortSignal): Promise<void> {
    const { updater, state } = this.#assembly
    if (isDue && this.#parts.trigger.readsClock)
      return this.#cut(state.learner.dueReason ?? 'the time has come', signal)
    if (isDue) return this.#update(signal)
    const cause = state.learner.publicationDue
    if (cause !== undefined) await this.#publish(async () => updater.recall(cause, signal), signal)
  }

  /** Another run would not find the same place again: the checkpoint names it before the update begins. */
  async #cut(reason: string, signal: AbortSignal): Promise<void> {
    const { state } = this.#assembly
    state.tally.cut(reason)
    await state.save(signal)
    this.#saved()
    await this.#update(signal)
  }

  /** It was started before a crash. What was pending may have been taken back since. */
  async #finishCut(signal: AbortSignal): Promise<void> {
    const { state } = this.#assembly
    if (state.learner.pendingCount > 0) return this.#update(signal)
    state.tally.cut(undefined)
    this.#isDirty = true
  }

  async #update(signal: AbortSignal): Promise<void> {
    await this.#publish(async () => this.#assembly.updater.update(signal), signal)
  }

  async #publish(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    // From here on, also while it waits for its turn: a checkpoint before the update would put it off.
    this.#feedbackBefore = this.#feedback()
    this.#isUpdating = true
    await this.#parts.turns.take(async () => {
      signal.throwIfAborted()
      await work()
    })
    this.#isUpdating = false
    this.#isActing = false
    this.#saved()
    await this.#commit(signal)
  }

  #feedback(): FeedbackProgress | undefined {
    return feedbackProgress(this.#parts, this.#assembly.state, this.#isActing)
  }

  async #save(signal: AbortSignal): Promise<void> {
    if (!this.#isDirty) return
    await this.#assembly.state.save(signal)
    this.#saved()
    await this.#commit(signal)
  }

  #saved(): void {
    this.#isDirty = false
    this.#unsaved = 0
    this.#savedMs = this.#parts.clock.monotonicMs()
  }

  async #commit(signal: AbortSignal): Promise<void> {
    const stream = this.#running?.stream
    await stream?.commit(this.#assembly.state.tally.positions)
    if (!signal.aborted) await stream?.measure(signal)
    this.#parts.onStatus(this.status())
  }

  #enter(state: 'idle' | 'running' | 'paused'): void {
    if (this.#phase.state === state) return
    this.#phase = { state }
    this.#parts.onStatus(this.status())
  }

  async #failed(error: unknown, signal: AbortSignal): Promise<void> {
    if (this.#isLost(error)) {
      // Another daemon may have the model: what is in memory is its to learn.
      this.#phase = { state: 'stopped' }
      return
    }
    if (signal.aborted) {
      // What a learner in the middle of an update knows is told it again by the stream.
      if (!this.#isUpdating) await this.#lastSave(signal)
      this.#phase = { state: 'stopped' }
      return
    }
    const code = error instanceof CodedError ? error.code : 'INTERNAL'
    const message = error instanceof Error ? error.message : String(error)
    this.#phase = { state: 'failed', code, message }
    this.#parts.log.error({ err: error, code }, 'the trainer of this model has stopped')
    if (!(error instanceof CodedError)) throw error
  }

  /** What cannot be kept now, because the lease was lost unnoticed or the world fails, the stream tells again. */
  async #lastSave(signal: AbortSignal): Promise<void> {
    try {
      await this.#save(signal)
    } catch (error) {
      if (!this.#isLost(error) && error !== signal.reason) throw error
    }
  }

  #isLost(error: unknown): boolean {
    return isLeaseLost(error) || this.#parts.tenure?.lease.signal.aborted === true
  }

  async #close(): Promise<void> {
    this.#parts.onStatus(this.status())
    const closers = new Closers(this.#parts.log)
    closers.add(async () => this.#parts.close?.())
    closers.add(() => {
      this.#assembly.dispose()
    })
    closers.add(() => {
      this.#assembly.state.checkpoint.close()
    })
    closers.add(async () => this.#running?.stream.close())
    await closers.close()
  }
}
