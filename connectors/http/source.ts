/**
 * Feedback that came over HTTP, read from the daemon's own journal, where it is durable since its 202.
 *
 * The journal is the embedded topic: one partition, with offsets like Kafka's. It is also polled, because a notification
 * from the server process may be lost; a poll is one indexed read.
 */
import { CodedError, type Clock } from '../../src/contracts/core.ts'
import type { Journal, Positions, Source, SourceRecord } from '../../src/contracts/source.ts'

export interface HttpSourceOptions {
  readonly name: string
  readonly journal: Journal
  readonly clock: Clock
  /** How often to check a journal for more after its end; absent = by whether it is announced. */
  readonly pollMs?: number
}

export function httpSource(options: HttpSourceOptions): Source {
  return new HttpSource(options)
}

const POLL_MS = 20
const ANNOUNCED_POLL_MS = 200

class HttpSource implements Source {
  readonly name: string
  readonly #options: HttpSourceOptions
  #next = 0

  constructor(options: HttpSourceOptions) {
    this.name = options.name
    this.#options = options
  }

  get journal(): string {
    return this.#options.journal.identity
  }

  /** After a fleet, which read the messages from a stream: the journal knows how far they were learned there. */
  async continues(positions: Positions): Promise<Positions> {
    const isOwn = '0' in positions || Object.keys(positions).length === 0
    return Promise.resolve(isOwn ? {} : { '0': String(this.#options.journal.learned()) })
  }

  async open(from: Positions): Promise<void> {
    const { journal } = this.#options
    this.#next = Number(from['0'] ?? '0')
    const [begin, end] = [journal.begin(), journal.end()]
    if (!(this.#next <= end)) {
      // Otherwise new messages would get offsets that count as learned already, and would be skipped silently.
      journal.disown()
      throw this.#foreign(end)
    }
    if (this.#next < begin) throw this.#gap(begin)
  }

  async read(
    limits: { readonly records: number; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<readonly SourceRecord[]> {
    const { clock, journal } = this.#options
    const { pollMs = journal.isAnnounced === true ? ANNOUNCED_POLL_MS : POLL_MS } = this.#options
    const untilMs = clock.monotonicMs() + limits.waitMs
    for (;;) {
      signal.throwIfAborted()
      const records = this.#take(limits.records)
      const leftMs = untilMs - clock.monotonicMs()
      if (records.length > 0 || leftMs <= 0) return records
      await clock.sleep(Math.min(pollMs, leftMs), signal)
    }
  }

  async commit(positions: Positions): Promise<void> {
    this.#options.journal.consumed(Number(positions['0'] ?? '0'))
  }

  async lag(): Promise<number> {
    return Math.max(0, this.#options.journal.end() - this.#next)
  }

  async close(): Promise<void> {
    // The journal belongs to the caller that passed it in.
  }

  #take(records: number): readonly SourceRecord[] {
    const found = this.#options.journal.read(this.#next, records)
    const last = found.at(-1)
    if (last !== undefined) this.#next = last.offset + 1
    return found.map(({ offset, value, timeMs, traceparent }) => ({
      partition: '0',
      position: String(offset),
      next: String(offset + 1),
      value,
      timeMs,
      ...(traceparent !== undefined && { headers: { traceparent } }),
    }))
  }

  #foreign(end: number): CodedError {
    const details = { source: this.name, next: this.#next, end }
    const message = `the journal of ${this.name} ends at ${end}, but the checkpoint has read up to ${this.#next}: it is not the same journal`
    return new CodedError('JOURNAL_FOREIGN', message, { details })
  }

  /** Removed after a later checkpoint had learned them: this checkpoint is older. */
  #gap(begin: number): CodedError {
    const details = { source: this.name, next: this.#next, begin }
    const message = `the journal of ${this.name} begins at ${begin}, but the checkpoint has read only up to ${this.#next}: ${begin - this.#next} events are lost that it has not learned`
    return new CodedError('JOURNAL_GAP', message, { details })
  }
}
