/**
 * Served predictions, kept so that feedback can name them days later. Written behind the answer in batches, so that a
 * request never waits for the disk; `flush` before feedback is accepted makes sure that its prediction is there first.
 *
 * They share `inbox.db` without a flush of their own: the flush of the feedback that names them covers them. Bounded by
 * count and age; what is not written when the buffer overflows is counted as dropped.
 */
import type { Clock, Logger, ServedPrediction } from '../contracts.ts'
import { openStore, type Store } from '../runtime/store.ts'
import { inboxMigrations } from './inbox-schema.ts'
import { findPrediction } from './inbox-reader.ts'

export interface PredictionStoreOptions {
  /** Most predictions kept. */
  readonly count: number
  readonly retentionMs: number
  readonly clock: Clock
  readonly log: Logger
  /** Told of predictions that could not be kept. */
  readonly onDropped?: (count: number) => void
}

export interface PredictionStore {
  record(predictions: readonly ServedPrediction[]): void
  /** Everything recorded so far is readable by the trainer afterwards; throws a coded error when it cannot be. */
  flush(): void
  find(id: string): ServedPrediction | undefined
  close(): void
}

export function openPredictions(path: string, options: PredictionStoreOptions): PredictionStore {
  const store = openStore(path, {
    migrations: inboxMigrations,
    synchronous: 'NORMAL',
    busyTimeoutMs: BUSY_TIMEOUT_MS,
  })
  return new SqlitePredictions(store, options)
}

const WRITE_BEHIND_MS = 50
/** The server's thread waits meanwhile; the trainer holds the lock for microseconds. */
const BUSY_TIMEOUT_MS = 250
const BATCH_ROWS = 256
/** Kept in memory while the disk refuses them. */
const BUFFER_ROWS = 10_000

class SqlitePredictions implements PredictionStore {
  readonly #store: Store
  readonly #options: PredictionStoreOptions
  #buffer: ServedPrediction[] = []
  /** Ends the wait for more before a write. */
  #waiting: AbortController | undefined
  #failing = false

  constructor(store: Store, options: PredictionStoreOptions) {
    this.#store = store
    this.#options = options
  }

  record(predictions: readonly ServedPrediction[]): void {
    if (this.#options.count === 0) return
    this.#buffer.push(...predictions)
    this.#dropOverflow()
    if (this.#buffer.length >= BATCH_ROWS && !this.#failing) this.#writeBehind()
    else if (this.#waiting === undefined) void this.#writeSoon()
  }

  flush(): void {
    this.#waiting?.abort()
    this.#waiting = undefined
    if (this.#buffer.length === 0) return
    this.#store.transaction(() => {
      for (const prediction of this.#buffer) this.#write(prediction)
      this.#sweep()
    })
    this.#buffer = []
  }

  find(id: string): ServedPrediction | undefined {
    return (
      this.#buffer.find((prediction) => prediction.id === id) ?? findPrediction(this.#store, id)
    )
  }

  close(): void {
    this.#writeBehind()
    this.#store.close()
  }

  async #writeSoon(): Promise<void> {
    const waiting = new AbortController()
    this.#waiting = waiting
    await this.#options.clock.sleep(WRITE_BEHIND_MS, waiting.signal).catch(() => undefined)
    if (!waiting.signal.aborted) this.#writeBehind()
  }

  /** A disk that refuses must not fail the requests that were answered: they stay in the buffer. Said once. */
  #writeBehind(): void {
    try {
      this.flush()
      this.#failing = false
    } catch (error) {
      const warning = 'served predictions wait in memory'
      if (!this.#failing) this.#options.log.warn({ err: error }, warning)
      this.#failing = true
    }
  }

  #write({ id, input, version, label, timeMs }: ServedPrediction): void {
    this.#store.run(
      'INSERT OR IGNORE INTO predictions (id, input, version, label, time_ms) VALUES (?, ?, ?, ?, ?)',
      id,
      JSON.stringify(input),
      version,
      label,
      timeMs,
    )
  }

  /** Numbers rise with time, so that both bounds cut at the low end. */
  #sweep(): void {
    const { count, retentionMs, clock } = this.#options
    const newest = 'SELECT max(number) AS number FROM predictions'
    const last = this.#store.get(newest)?.numberOrNull('number') ?? 0
    this.#store.run('DELETE FROM predictions WHERE number <= ?', last - count)
    const oldest = this.#store.get(
      'SELECT number, time_ms FROM predictions ORDER BY number LIMIT 1',
    )
    if (oldest === undefined || oldest.number('time_ms') >= clock.nowMs() - retentionMs) return
    const old = 'DELETE FROM predictions WHERE number < ? AND time_ms < ?'
    this.#store.run(old, oldest.number('number') + 1000, clock.nowMs() - retentionMs)
  }

  #dropOverflow(): void {
    const dropped = this.#buffer.length - BUFFER_ROWS
    if (dropped <= 0) return
    this.#buffer.splice(0, dropped)
    this.#options.onDropped?.(dropped)
  }
}
