/**
 * Events that the trainer already has and that come before further records of the stream: those that came after
 * forgotten ones, set-aside ones that a person asked for, and those that waited for their prediction.
 */
import type { Admission } from './admission/admission.ts'
import type { Assembly } from './assembly.ts'
import type { UnsavedWork } from './unsaved.ts'
import type { UpdateTurn } from './updates/update-turn.ts'

interface StoredEventsParts {
  readonly assembly: Pick<Assembly, 'loop' | 'state'>
  readonly admission: Admission
  readonly updates: UpdateTurn
  readonly unsaved: UnsavedWork
  readonly onLearning: () => void
}

/** How many waiting events are retried when the stream is idle. */
const RETRIED_AT_REST = 100

export class StoredEvents {
  readonly #parts: StoredEventsParts

  constructor(parts: StoredEventsParts) {
    this.#parts = parts
  }

  /** Learns some of them before any record is read; returns whether there were any. */
  async learn(signal: AbortSignal): Promise<boolean> {
    if (await this.#learnAgain(signal)) return true
    return (await this.learnDue(signal, this.#parts.assembly.loop.limits.records)) > 0
  }

  /** Learns at most `most` of the requested set-aside events; returns how many. */
  async learnDue(signal: AbortSignal, most = Infinity): Promise<number> {
    const { assembly, admission, updates, unsaved } = this.#parts
    const { setAside, progress } = assembly.state
    let count = 0
    for (; count < most && !signal.aborted; count += 1) {
      if (updates.isPutOff() || progress.isPaused) break
      const entry = setAside.nextDue()
      if (entry === undefined) break
      this.#parts.onLearning()
      const isDue = await admission.relearn(entry, signal)
      unsaved.consumed()
      await updates.act(isDue, signal)
    }
    return count
  }

  /** Retries events with a missing prediction when they are due. */
  async retry(signal: AbortSignal): Promise<void> {
    const { assembly, admission, updates, unsaved } = this.#parts
    const { progress, waiting } = assembly.state
    const before = progress.triedAgainUpTo
    while (!updates.isPutOff()) {
      const next = admission.nextAgain()
      if (next === undefined) break
      const isDue = await admission.again(next, signal)
      if (!waiting.has(next.key)) unsaved.changed()
      await updates.act(isDue, signal)
    }
    if (progress.triedAgainUpTo !== before) unsaved.changed()
  }

  /** While the stream is idle, retries the newest ones whether they are due or not. */
  async retryNewest(signal: AbortSignal): Promise<void> {
    const { assembly, admission, updates, unsaved } = this.#parts
    const { waiting } = assembly.state
    for (const event of waiting.newest(RETRIED_AT_REST)) {
      const isDue = await admission.again(event, signal)
      if (!waiting.has(event.key)) unsaved.changed()
      await updates.act(isDue, signal)
      if (updates.isPutOff()) return
    }
  }

  /**
   * Closes the windows of rewards that end while the stream is idle. Another run would be idle elsewhere, so the checkpoint records
   * the time of the stream before anything is learned of it.
   */
  async closeWindows(signal: AbortSignal): Promise<void> {
    const { assembly, unsaved } = this.#parts
    const { loop, state } = assembly
    if (!state.waiting.passTo(loop.clock.nowMs())) return
    await state.save(signal)
    unsaved.saved()
    await this.retry(signal)
  }

  /** The rows that came after forgotten events. */
  async #learnAgain(signal: AbortSignal): Promise<boolean> {
    const { assembly, admission, updates, unsaved } = this.#parts
    const { again } = assembly.state.log
    if (again.size === 0) return false
    for (const row of again.next(assembly.loop.limits.records)) {
      if (signal.aborted || updates.isPutOff()) break
      this.#parts.onLearning()
      const isDue = await admission.learnAgain(row, signal)
      unsaved.consumed()
      await updates.act(isDue, signal)
    }
    return true
  }
}
