/**
 * One source and the single buffer before the consumer: records read but not consumed, each with its precomputed
 * results, and the wait after a failure. A failing source looks empty until it is time to retry; other sources
 * continue. After a failure that a retry does not fix (a missing file) it is opened again at the position reached,
 * because people fix such things.
 */
import { CodedError, type Clock, type Logger } from '../../contracts/core.ts'
import type { Positions, Source, SourceRecord, SourceStatus } from '../../contracts/source.ts'
import type { BufferedRecord } from './prefetcher.ts'
import { isLeaseLost, isRetriable, type RetryPolicy } from '../../platform/retry.ts'

interface BufferedSourceParts {
  readonly source: Source
  readonly from: Positions
  /** The positions that it takes over from another source; `places`: those it has itself. */
  readonly takeOver?: (source: Source, places: Positions, signal: AbortSignal) => Promise<Positions>
  readonly records: number
  readonly clock: Clock
  readonly log: Logger
  readonly retry: RetryPolicy
}

export class BufferedSource {
  readonly #parts: BufferedSourceParts
  #buffer: readonly SourceRecord[] = []
  /** Those of the buffer that were looked at ahead of their turn, at the same places. */
  #seen: BufferedRecord[] = []
  /** Place of the next record in the buffer. */
  #next = 0
  #isOpen = false
  /** After the last record read: where it is opened again. */
  #places: Record<string, string>
  #fault: CodedError | undefined
  #failures = 0
  #askAgainMs = 0
  #lag: number | undefined
  #records = 0
  #bytes = 0

  constructor(parts: BufferedSourceParts) {
    this.#parts = parts
    this.#places = { ...parts.from }
  }

  get name(): string {
    return this.#parts.source.name
  }

  /** How long the source is not asked, after a failure. */
  get pauseMs(): number {
    return Math.max(0, this.#askAgainMs - this.#parts.clock.monotonicMs())
  }

  get isEmpty(): boolean {
    return this.#next === this.#buffer.length
  }

  /** Records that exist and are not consumed, as last reported. */
  get lag(): number {
    return (this.#lag ?? 0) + this.#buffer.length - this.#next
  }

  /** Whether the source has ever reported its lag, or cannot. */
  get isMeasured(): boolean {
    return this.#lag !== undefined || (this.#fault !== undefined && !this.#fault.retriable)
  }

  /** Its own counters; for a source without counters, those of the reads here. */
  get stats(): SourceStatus {
    const own = this.#parts.source.stats?.() ?? this.#counted
    const { code, message } = this.#fault ?? {}
    return {
      ...own,
      lag: this.lag,
      ...(code !== undefined && message !== undefined && { code, message }),
    }
  }

  get #counted(): Omit<SourceStatus, 'lag'> {
    return { records: this.#records, bytes: this.#bytes, rebalances: 0, refused: 0 }
  }

  take(): BufferedRecord | undefined {
    const record = this.#buffer[this.#next]
    if (record === undefined) return undefined
    const buffered = this.#seen[this.#next] ?? { connector: this.name, record }
    this.#next += 1
    return buffered
  }

  /** The next records that are here already, at most `count`. */
  upcoming(count: number): readonly BufferedRecord[] {
    const end = Math.min(this.#buffer.length, this.#next + count)
    for (let at = Math.max(this.#next, this.#seen.length); at < end; at += 1) {
      const record = this.#buffer[at]
      if (record !== undefined) this.#seen[at] = { connector: this.name, record }
    }
    return this.#seen.slice(this.#next, end)
  }

  /** Whether there is a record to take, after at most `waitMs`. */
  async fill(waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (!this.isEmpty) return true
    if (this.pauseMs > 0) return false
    await this.#guarded(signal, async ({ source, records, clock }) => {
      const read = await source.read({ records, waitMs }, signal)
      this.#buffer = timed(read, clock.nowMs())
      this.#seen = []
      this.#next = 0
      this.#records += read.length
      for (const { value, partition, next } of read) {
        this.#bytes += value.byteLength
        this.#places[partition] = next
      }
    })
    return !this.isEmpty
  }

  async measure(signal: AbortSignal): Promise<void> {
    if (this.pauseMs > 0) return
    await this.#guarded(signal, async ({ source }) => {
      this.#lag = await source.lag()
    })
  }

  /** Advice to the source: a failure costs nothing, the checkpoint is the truth. */
  async commit(positions: Positions): Promise<void> {
    if (!this.#isOpen) return
    const { source, log } = this.#parts
    try {
      await source.commit(positions)
    } catch (err) {
      log.warn(
        { source: source.name, err },
        "could not report the trainer's position to the source",
      )
    }
  }

  async close(): Promise<void> {
    await this.#parts.source.close()
  }

  async #guarded(
    signal: AbortSignal,
    work: (parts: BufferedSourceParts) => Promise<void>,
  ): Promise<void> {
    try {
      await this.#open(signal)
      await work(this.#parts)
      this.#recovered()
    } catch (error) {
      // The wait was called off; nothing has been consumed.
      if (signal.aborted) return
      if (!(error instanceof CodedError) || isLeaseLost(error) || isOfJournal(error)) throw error
      this.#failed(error)
    }
  }

  async #open(signal: AbortSignal): Promise<void> {
    if (this.#isOpen) return
    const { source, takeOver } = this.#parts
    Object.assign(this.#places, await takeOver?.(source, this.#places, signal))
    await source.open(this.#places, signal)
    this.#isOpen = true
  }

  #failed(err: CodedError): void {
    const { clock, log, retry, source } = this.#parts
    const { code } = err
    if (this.#fault?.code !== code)
      log.warn({ source: source.name, code, err }, 'source failed, trying again')
    this.#fault = err
    if (!isRetriable(err)) this.#isOpen = false
    this.#askAgainMs = clock.monotonicMs() + retry.delayMs(this.#failures)
    this.#failures += 1
  }

  #recovered(): void {
    const { log, source } = this.#parts
    const failures = this.#failures
    if (failures > 0) log.info({ source: source.name, failures }, 'source works again')
    this.#failures = 0
    this.#fault = undefined
  }
}

/** As far ahead as a broker accepts by default (Kafka's `message.timestamp.after.max.ms`). */
const MOST_AHEAD_MS = 60 * 60 * 1000

/**
 * A record from the future has no time. A producer with a wrong clock would otherwise end the wait of every event for
 * its prediction, and use up the defence's events of every day until then.
 */
function timed(read: readonly SourceRecord[], nowMs: number): readonly SourceRecord[] {
  const isAhead = ({ timeMs = 0 }: SourceRecord) => timeMs > nowMs + MOST_AHEAD_MS
  if (!read.some(isAhead)) return read
  return read.map((record) => {
    if (!isAhead(record)) return record
    const { timeMs: _, ...rest } = record
    return rest
  })
}

/** Checkpoint and journal do not belong together: feedback must be refused until a person has looked, not accepted meanwhile. */
function isOfJournal({ code }: CodedError): boolean {
  return code === 'JOURNAL_FOREIGN' || code === 'JOURNAL_GAP'
}
