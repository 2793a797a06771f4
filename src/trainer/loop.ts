/**
 * The trainer of one model: read, admit, learn, publish, save, in a loop. All waiting is here and in what it calls; all
 * decisions are in the learner.
 *
 * A crash at any instant changes nothing (law 2): the learner depends only on the order of records, not on how they
 * were read, and each effect may be repeated.
 */
import type { BufferedRecord } from './sources/prefetcher.ts'
import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { CodedError } from '../contracts/core.ts'
import type { ServedScore } from '../evaluation/served-scores.ts'
import type { QualityReport } from '../evaluation/contract.ts'
import type { TrainerCalls, TrainerStatus } from './contract.ts'
import { Closers } from '../platform/closers.ts'
import type { Admission } from './admission/admission.ts'
import { assemble, openAdmission, openStream, type Assembly } from './assembly.ts'
import { resume } from './start/resume.ts'
import type { SourceMultiplexer } from './sources/multiplexer.ts'
import type { LoopParts } from './parts.ts'
import { forecastOf, Questions } from './forgetting/forecast.ts'
import type { LoopQuestion } from './process/messages.ts'
import { PluginFault } from '../platform/errors.ts'
import { isLeaseLost } from '../platform/retry.ts'
import { statusOf, BacklogProgress } from './status.ts'
import { StoredEvents } from './stored-events.ts'
import { UnsavedWork } from './unsaved.ts'
import { UpdateTurn } from './updates/update-turn.ts'

/** The parts of a loop that its host uses. */
export interface Loop extends Pick<ModelLoop, 'run' | 'wake' | 'status' | 'served' | 'ask'> {
  /** Undefined for a loop that scores nothing itself. */
  quality(): QualityReport | undefined
}

export function openLoop(parts: LoopParts): Loop {
  return new ModelLoop({ ...parts, log: parts.log.child({ model: parts.model }) })
}

/** The pause between two checks of a moving pointer. */
const PAUSE_MS = 100

/** What the loop reads, once its checkpoint is read. */
interface RunningLoop {
  readonly stream: SourceMultiplexer
  readonly admission: Admission
  readonly stored: StoredEvents
}

class ModelLoop {
  readonly #parts: LoopParts
  readonly #assembly: Assembly
  #running: RunningLoop | undefined
  #phase: Pick<TrainerStatus, 'state' | 'code' | 'message'> = { state: 'starting' }
  readonly #unsaved: UnsavedWork
  readonly #updates: UpdateTurn
  /** The checkpoint has been read. */
  #hasBegun = false
  /** Records consumed since it began. */
  #consumed = 0
  readonly #backlog: BacklogProgress
  readonly #questions = new Questions<LoopQuestion, unknown>()

  constructor(parts: LoopParts) {
    this.#parts = parts
    const assembly = assemble(parts)
    this.#assembly = assembly
    const unsaved = new UnsavedWork(parts, () => assembly.state.letters.bytes)
    this.#unsaved = unsaved
    const commit = async (signal: AbortSignal) => this.#commit(signal)
    const waiting = async (signal: AbortSignal) => this.#waiting(signal)
    this.#updates = new UpdateTurn({ assembly, unsaved, commit, waiting })
    this.#backlog = new BacklogProgress(parts)
    assembly.times.onStep = () => parts.reports.onStatus(this.status())
  }

  /**
   * Ends when the signal stops it, or on an external failure that waiting does not fix: the status says which. Rejects
   * for a bug of ours. Call it once.
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await resume(this.#assembly, signal)
      this.#hasBegun = true
      const running = this.#open()
      this.#running = running
      this.#enter('running')
      await running.stored.retry(signal)
      while (!signal.aborted) await this.#turn(running, signal)
      await this.#lastSave(signal)
      this.#phase = { state: 'stopped' }
    } catch (error) {
      await this.#failed(error, signal)
    } finally {
      await this.#close()
    }
  }

  /** Wakes the loop: there may be new records, or another live version. */
  wake(): void {
    this.#running?.stream.wake()
  }

  status(): TrainerStatus {
    const shown = statusOf(this.#assembly, this.#running?.stream, this.#backlog)
    const { feedback } = this.#updates
    const { learning } = this.#assembly.times
    return {
      ...shown,
      ...(this.#phase.state !== 'stopped' && this.#assembly.heldUp.shown),
      ...this.#phase,
      ...(learning && { state: 'running', learning }),
      ...(feedback && { feedback }),
      ...(!this.#hasBegun && { isBlank: true }),
    }
  }

  /** Takes longer than `status`, and is reported less often. */
  quality(): QualityReport {
    return this.#assembly.state.learner.scoreboard.quality.report()
  }

  /** The scores of the answers that each version has served. */
  served(): readonly ServedScore[] {
    return this.#assembly.state.served.scores
  }

  /** Answers between two turns, where the learner is whole. Throws `TRAINER_BUSY`, and the errors of the call. */
  async ask<Call extends keyof TrainerCalls>(
    call: Call,
    asked: TrainerCalls[Call]['asked'],
  ): Promise<TrainerCalls[Call]['found']> {
    const answer = this.#questions.ask({ call, asked })
    this.wake()
    return answer as Promise<TrainerCalls[Call]['found']>
  }

  #open(): RunningLoop {
    const [assembly, updates, unsaved] = [this.#assembly, this.#updates, this.#unsaved]
    const stream = openStream(assembly)
    const admission = openAdmission(assembly)
    const onLearning = () => {
      this.#enter('running')
    }
    const stored = new StoredEvents({ assembly, admission, updates, unsaved, onLearning })
    return { stream, admission, stored }
  }

  async #turn(running: RunningLoop, signal: AbortSignal): Promise<void> {
    const { stream, stored } = running
    // If nothing below has to wait, this is the only place where messages, timers and a stop are handled.
    await yieldToEventLoop()
    if (!(await this.#follow(stream, signal))) return this.#pause(stream, signal)
    await this.#questions.answer(async (question) => this.#answer(question, signal))
    if (await this.#forget(signal)) return
    if (this.#assembly.state.progress.isPaused) return this.#standStill('paused', stream, signal)
    if (this.#updates.isPutOff()) {
      if (this.#assembly.meter.isSpent) {
        await this.#updates.act(false, signal)
        return this.#standStill('budget', stream, signal)
      }
      await this.#updates.finishCut(signal)
      await stored.retry(signal)
    }
    if (this.#updates.isPutOff()) return
    if (await stored.learn(signal)) return this.#saveIfDue(signal)
    // The version of a rollback may have to be published again with the present settings.
    await this.#updates.act(false, signal)
    const { next } = this.#assembly.state.progress
    for (let read = 0; read < this.#parts.limits.records; read += 1) {
      const received = stream.take() ?? (await stream.next(signal))
      if (received === undefined) return this.#rest(running, signal)
      await this.#take(received, running, signal)
      if (signal.aborted || this.#isInterrupted) break
      // An update takes long: a person may have moved the pointer meanwhile.
      if (this.#assembly.state.progress.next !== next) break
    }
    this.#backlog.look(this.#consumed, stream.lag)
    await this.#saveIfDue(signal)
  }

  async #answer({ call, asked }: LoopQuestion, signal: AbortSignal): Promise<unknown> {
    const { leftOut, nearest } = this.#assembly
    const answers = {
      forecast: async (request) => forecastOf(request, this.#assembly, signal),
      worth: async () => leftOut.worth(signal),
      without: async (question) => leftOut.answer(question, signal),
      nearest: async (question) => nearest.to(question, signal),
    } satisfies {
      readonly [Each in keyof TrainerCalls]: (
        asked: TrainerCalls[Each]['asked'],
      ) => Promise<TrainerCalls[Each]['found']>
    }
    return answers[call](asked as never)
  }

  /** False while the pointer is on the move, and there is nothing to learn. */
  async #follow(stream: SourceMultiplexer, signal: AbortSignal): Promise<boolean> {
    const { pointer, state } = this.#assembly
    const before = state.progress.state
    const isFollowed = await pointer.follow(signal, () => stream.isReady(signal))
    if (state.progress.state !== before) this.#unsaved.noted()
    return isFollowed
  }

  /**
   * Whether reading must stop: the next update waits for its budget, a rollback has paused learning, or set-aside
   * events must be learned before further records.
   */
  get #isInterrupted(): boolean {
    const { progress, setAside } = this.#assembly.state
    return this.#updates.isPutOff() || progress.isPaused || setAside.nextDue() !== undefined
  }

  /** A person has paused learning, or the next update waits for its budget: events stay where they are. */
  async #standStill(
    state: 'paused' | 'budget',
    stream: SourceMultiplexer,
    signal: AbortSignal,
  ): Promise<void> {
    await this.#save(signal)
    await stream.measure(signal)
    this.#enter(state)
    await stream.pause(this.#parts.limits.idleMs, signal)
  }

  /** Carries out a request to forget; returns whether it did a step. */
  async #forget(signal: AbortSignal): Promise<boolean> {
    const { forget } = this.#assembly
    if (!forget.isAsked) return forget.act(signal)
    await this.#updates.exclusively(async () => forget.begin(signal), signal)
    return true
  }

  /** Everything that existed at the rollback has been read. Saved before anything further is read. */
  async #liftBarrier(stream: SourceMultiplexer, signal: AbortSignal): Promise<void> {
    const { progress } = this.#assembly.state
    if (progress.barrier === undefined) return
    await stream.measure(signal)
    if (!stream.isExhausted) return
    progress.putBarrier(undefined)
    this.#unsaved.changed()
  }

  async #take(
    received: BufferedRecord,
    { stream, admission, stored }: RunningLoop,
    signal: AbortSignal,
  ): Promise<void> {
    admission.lookAhead(stream)
    const due = admission.admit(received, signal)
    const isDue = typeof due === 'boolean' ? due : await due
    const { state } = this.#assembly
    admission.passAgain()
    this.#updates.begin()
    state.progress.consumed(received)
    state.turn = stream.turn
    this.#unsaved.consumed()
    this.#consumed += 1
    this.#enter('running')
    await this.#updates.act(isDue, signal)
    this.#updates.end()
    await stored.retry(signal)
    // Events that the defence releases with an update come before the next record, also after a crash (law 2).
    if (this.#parts.defence !== undefined) await stored.learnDue(signal)
  }

  /** There is nothing to read, and the pointer is moving. */
  async #pause(stream: SourceMultiplexer, signal: AbortSignal): Promise<void> {
    await this.#save(signal)
    await stream.rest(PAUSE_MS, signal)
  }

  /** There is nothing to read: retries events that wait for a prediction, closes windows that are over, and then waits. */
  async #rest({ stream, stored }: RunningLoop, signal: AbortSignal): Promise<void> {
    const { learner } = this.#assembly.state
    await stored.retryNewest(signal)
    if (!this.#updates.isPutOff()) await stored.closeWindows(signal)
    if (this.#updates.isPutOff()) return
    // A trigger that uses the clock is called here, because nothing else would wake it.
    const { verdict, reason } = learner.rest(this.#parts.clock.nowMs())
    if (verdict === 'update') await this.#updates.cut(reason, signal)
    else if (this.#updates.hasCaughtUp) await this.#updates.cut('all that waited is read', signal)
    else await this.#updates.rehearse(signal)
    await this.#updates.publishSubtracted(signal)
    if (this.#updates.isPutOff()) return
    await this.#liftBarrier(stream, signal)
    const { restMs } = this.#unsaved
    if (restMs !== undefined) return stream.rest(restMs, signal)
    if (this.#unsaved.isPressing) await this.#save(signal)
    await stream.measure(signal)
    this.#backlog.look(this.#consumed, stream.lag)
    if (stream.isMeasured) this.#enter('idle')
    await stream.rest(this.#parts.limits.idleMs, signal)
  }

  async #saveIfDue(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#unsaved.isDue) await this.#save(signal)
  }

  async #save(signal: AbortSignal): Promise<void> {
    if (!this.#unsaved.isDirty) return
    await this.#assembly.state.save(signal)
    this.#unsaved.saved()
    await this.#commit(signal)
  }

  /** As far as sources say. */
  async #waiting(signal: AbortSignal): Promise<number> {
    const stream = this.#running?.stream
    await stream?.measure(signal)
    return stream?.lag ?? 0
  }

  async #commit(signal: AbortSignal): Promise<void> {
    const stream = this.#running?.stream
    await stream?.commit(this.#assembly.state.progress.positions)
    if (!signal.aborted) await stream?.measure(signal)
    this.#parts.reports.onStatus(this.status())
  }

  #enter(state: 'idle' | 'running' | 'paused' | 'budget'): void {
    if (this.#phase.state === state) return
    this.#phase = { state }
    this.#parts.reports.onStatus(this.status())
  }

  async #failed(cause: unknown, signal: AbortSignal): Promise<void> {
    const error = cause instanceof PluginFault ? cause.coded : cause
    if (this.#isLost(error)) {
      // Another daemon may have the model now, and will learn the events that are in memory here.
      this.#phase = { state: 'stopped' }
      return
    }
    if (signal.aborted) {
      // The state in the middle of an update is dropped, because the stream delivers the events again.
      if (!this.#updates.isUpdating) await this.#lastSave(signal)
      this.#phase = { state: 'stopped' }
      return
    }
    const code = error instanceof CodedError ? error.code : 'INTERNAL'
    const message = error instanceof Error ? error.message : String(error)
    this.#phase = { state: 'failed', code, message }
    this.#parts.log.error({ err: error, code }, 'the trainer of this model has stopped')
    if (!(error instanceof CodedError)) throw error
  }

  /**
   * Saves once more. If that fails, because the lease is lost or for an external reason, the stream delivers the events
   * again.
   */
  async #lastSave(signal: AbortSignal): Promise<void> {
    try {
      await this.#save(signal)
    } catch (error) {
      if (!this.#isLost(error) && error !== signal.reason) throw error
    }
  }

  #isLost(error: unknown): boolean {
    return isLeaseLost(error) || this.#parts.leaseTerm?.lease.signal.aborted === true
  }

  async #close(): Promise<void> {
    this.#questions.close()
    this.#parts.reports.onStatus(this.status())
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
