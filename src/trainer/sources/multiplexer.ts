/**
 * Merges several sources into one order: record by record, round robin, skipping empty sources. The next turn is part
 * of the checkpoint, so that with all records available the order is independent of how reads were cut, also after a
 * crash.
 */
import type { BufferedRecord } from './prefetcher.ts'
import { rest, type Clock } from '../../contracts/core.ts'
import type { Positions } from '../../contracts/source.ts'
import type { TrainerStatus } from '../contract.ts'
import type { BufferedSource } from './buffered-source.ts'
import { closeTogether } from '../../platform/closers.ts'

export class SourceMultiplexer {
  readonly #lines: readonly BufferedSource[]
  readonly #clock: Clock
  #turn: number
  #resting: AbortController | undefined
  #woken = false

  constructor(lines: readonly BufferedSource[], turn: number, clock: Clock) {
    this.#lines = lines
    this.#clock = clock
    this.#turn = turn % Math.max(1, lines.length)
  }

  get turn(): number {
    return this.#turn
  }

  get lag(): number {
    return this.#lines.reduce((sum, { lag }) => sum + lag, 0)
  }

  /** Whether any source has reported; before that a lag of 0 means nothing. */
  get isMeasured(): boolean {
    return this.#lines.some(({ isMeasured }) => isMeasured)
  }

  /** Whether every source has said that it has nothing more. */
  get isExhausted(): boolean {
    return this.lag === 0 && this.#lines.every((line) => line.isMeasured && line.pauseMs === 0)
  }

  /** The counters of each source, and its lag. */
  get sources(): NonNullable<TrainerStatus['sources']> {
    return Object.fromEntries(this.#lines.map((line) => [line.name, line.stats]))
  }

  /** The next record if it is here already: the same as `next` would answer, without asking a source. */
  take(): BufferedRecord | undefined {
    const buffered = this.#lines[this.#turn]?.take()
    if (buffered === undefined) return undefined
    this.#turn = (this.#turn + 1) % this.#lines.length
    return buffered
  }

  /** Some of the buffered records that come next, at most about `count`. */
  upcoming(count: number): readonly BufferedRecord[] {
    const each = Math.ceil(count / Math.max(1, this.#lines.length))
    return this.#lines.flatMap((line) => line.upcoming(each))
  }

  /** The next record, or undefined when no source has one now. */
  async next(signal: AbortSignal): Promise<BufferedRecord | undefined> {
    for (let tried = 0; tried < this.#lines.length; tried += 1) {
      const at = (this.#turn + tried) % this.#lines.length
      const line = this.#lines[at]
      if (line === undefined || !(await line.fill(0, signal))) continue
      const buffered = line.take()
      if (buffered === undefined) continue
      this.#turn = (at + 1) % this.#lines.length
      return buffered
    }
    return undefined
  }

  /** Whether a source has a record now, which `take` or `next` will answer. */
  async isReady(signal: AbortSignal): Promise<boolean> {
    for (const line of this.#lines) if (await line.fill(0, signal)) return true
    return false
  }

  /** Waits until a source has a record, `wake` is called, or `waitMs` have passed. */
  async rest(waitMs: number, signal: AbortSignal): Promise<void> {
    await this.#untilWoken(signal, async (resting) =>
      Promise.all(this.#lines.map((line) => this.#wait(line, waitMs, resting))),
    )
  }

  /** Waits the same, and reads nothing meanwhile. */
  async pause(waitMs: number, signal: AbortSignal): Promise<void> {
    await this.#untilWoken(signal, async (resting) => rest(this.#clock, waitMs, resting.signal))
  }

  /** `wake` before it counts, too. Not AbortSignal.any: Node 20 keeps something of each such signal while its sources live. */
  async #untilWoken(
    signal: AbortSignal,
    wait: (resting: AbortController) => Promise<unknown>,
  ): Promise<void> {
    const resting = new AbortController()
    const end = () => resting.abort()
    this.#resting = resting
    signal.addEventListener('abort', end, { once: true })
    try {
      if (!this.#woken && !signal.aborted) await wait(resting)
    } finally {
      signal.removeEventListener('abort', end)
      this.#resting = undefined
      this.#woken = false
    }
  }

  wake(): void {
    this.#woken = true
    this.#resting?.abort()
  }

  async measure(signal: AbortSignal): Promise<void> {
    for (const line of this.#lines) await line.measure(signal)
  }

  async commit(positions: Readonly<Record<string, Positions>>): Promise<void> {
    for (const line of this.#lines) {
      const consumed = positions[line.name]
      if (consumed !== undefined) await line.commit(consumed)
    }
  }

  async close(): Promise<void> {
    await closeTogether(this.#lines)
  }

  /** The first source with a record ends the wait of all; one that returns too early is waited for here. */
  async #wait(line: BufferedSource, waitMs: number, resting: AbortController): Promise<void> {
    const { signal } = resting
    const untilMs = this.#clock.monotonicMs() + waitMs
    if (line.pauseMs === 0 && (await line.fill(waitMs, signal))) {
      resting.abort()
      return
    }
    const leftMs = untilMs - this.#clock.monotonicMs()
    const restMs = line.pauseMs > 0 ? Math.min(leftMs, line.pauseMs) : leftMs
    if (restMs > 0) await rest(this.#clock, restMs, signal)
  }
}
