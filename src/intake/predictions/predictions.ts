/**
 * Served predictions, kept so that feedback can name them days later. Written behind the answer in batches, so that a
 * request never waits for the disk; `flush` before feedback is accepted makes sure that its prediction is there first.
 *
 * At most one batch is on its way; what comes meanwhile waits in a bounded buffer, and what does not fit is counted as dropped.
 */
import { rest, type Clock, type Logger } from '../../contracts/core.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import { rowOf, type PredictionRow } from './table.ts'

export interface PredictionStore {
  record(predictions: readonly ServedPrediction[]): void
  /** Resolves when everything recorded so far is readable by the trainer; rejects with a coded error when it cannot be. */
  flush(): Promise<void>
  /** Tries to write the rest. */
  close(): Promise<void>
}

export interface PredictionBufferOptions {
  /** 0 = none is kept. */
  readonly count: number
  /** All of a batch, or none of it. */
  readonly write: (rows: readonly PredictionRow[]) => Promise<unknown>
  readonly clock: Clock
  readonly log: Logger
  /** Called for predictions that could not be stored. */
  readonly onDropped?: ((count: number) => void) | undefined
}

export function openPredictionBuffer(options: PredictionBufferOptions): PredictionStore {
  return new PredictionBuffer(options)
}

const WRITE_BEHIND_MS = 50
const BATCH_ROWS = 256
/** About the size of one batch, which is copied to another thread in one piece. */
const BATCH_CHARACTERS = 512 * 1024
/** Kept in memory while the disk refuses them. */
const BUFFER_ROWS = 10_000

class PredictionBuffer implements PredictionStore {
  readonly #options: PredictionBufferOptions
  #rows: PredictionRow[] = []
  /** Rows ever recorded, and ever written or dropped. */
  #recorded = 0
  #gone = 0
  /** How many of the first rows are on their way. */
  #sending = 0
  #writing: Promise<void> | undefined
  #draining: Promise<void> | undefined
  /** Ends the wait for more before a write. */
  #resting: AbortController | undefined
  #failing = false

  constructor(options: PredictionBufferOptions) {
    this.#options = options
  }

  record(predictions: readonly ServedPrediction[]): void {
    if (this.#options.count === 0 || predictions.length === 0) return
    for (const prediction of predictions) this.#rows.push(rowOf(prediction))
    this.#recorded += predictions.length
    this.#dropOverflow()
    this.#draining ??= this.#drain()
    if (this.#rows.length >= BATCH_ROWS && !this.#failing) this.#resting?.abort()
  }

  async flush(): Promise<void> {
    const upTo = this.#recorded
    while (this.#gone < upTo) await (this.#writing ?? this.#write())
  }

  async close(): Promise<void> {
    this.#resting?.abort()
    await this.#draining
    await this.flush().catch((error: unknown) => {
      this.#refused(error)
    })
  }

  /** Ends at the first failure; the next record tries again. */
  async #drain(): Promise<void> {
    try {
      while (this.#rows.length > 0) {
        if (this.#rows.length < BATCH_ROWS || this.#failing) await this.#rest()
        if (this.#rows.length > 0) await (this.#writing ?? this.#write())
      }
    } catch (error) {
      this.#refused(error)
    } finally {
      // Not a moment later: what is recorded then would wait for the next record.
      this.#draining = undefined
    }
  }

  async #rest(): Promise<void> {
    this.#resting = new AbortController()
    const { clock } = this.#options
    await rest(clock, WRITE_BEHIND_MS, this.#resting.signal)
  }

  /** A disk that refuses must not fail the requests that were answered: they stay in the buffer. Logged once. */
  #refused(error: unknown): void {
    if (!this.#failing) this.#options.log.warn({ err: error }, 'served predictions wait in memory')
    this.#failing = true
  }

  #write(): Promise<void> {
    this.#writing = this.#writeBatch().finally(() => {
      this.#writing = undefined
      this.#sending = 0
    })
    return this.#writing
  }

  async #writeBatch(): Promise<void> {
    const batch = firstOf(this.#rows)
    this.#sending = batch.length
    await this.#options.write(batch)
    // Some of it may have been dropped for room meanwhile.
    this.#remove(this.#sending)
    this.#failing = false
  }

  #dropOverflow(): void {
    const dropped = this.#rows.length - BUFFER_ROWS
    if (dropped <= 0) return
    this.#sending = Math.max(0, this.#sending - dropped)
    this.#remove(dropped)
    this.#options.onDropped?.(dropped)
  }

  #remove(count: number): void {
    this.#rows.splice(0, count)
    this.#gone += count
  }
}

function firstOf(rows: readonly PredictionRow[]): readonly PredictionRow[] {
  let characters = 0
  const end = rows.slice(0, BATCH_ROWS).findIndex(({ input }, at) => {
    characters += input.length
    return characters > BATCH_CHARACTERS && at > 0
  })
  return rows.slice(0, end < 0 ? BATCH_ROWS : end)
}
