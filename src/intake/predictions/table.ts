/**
 * The table of served predictions in `inbox.db`. It has no flush of its own: the flush of the feedback that names a prediction
 * covers it. Bounded by count, bytes and age.
 */
import type { Clock } from '../../contracts/core.ts'
import type { ServedPrediction } from '../../contracts/event.ts'
import { openStore, type Store } from '../../platform/store/store.ts'
import { ERASED, isForgotten } from '../inbox/erased-predictions.ts'
import { inboxMigrations } from '../inbox/schema.ts'

/** Its input is text already, so that what waits in memory has a known size and is cheap to hand to another thread. */
export interface PredictionRow extends Omit<ServedPrediction, 'input' | 'shown'> {
  readonly input: string
}

export function rowOf(prediction: ServedPrediction): PredictionRow {
  const { shown: _shown, input, ...rest } = prediction
  return { ...rest, input: JSON.stringify(input) }
}

export interface PredictionTable {
  /** All of them, or none. */
  write(rows: readonly PredictionRow[]): void
  close(): void
}

export interface PredictionTableOptions {
  readonly count: number
  /** The most bytes of their inputs; the oldest are removed first. Absent = no bound. */
  readonly bytes?: number
  readonly retentionMs: number
  readonly clock: Clock
}

/** The trainer holds the lock for microseconds. */
const BUSY_TIMEOUT_MS = 250
/** The most that one sweep removes: more than a batch adds. */
const SWEPT_ROWS = 1000

export function openPredictionTable(
  path: string,
  options: PredictionTableOptions,
): PredictionTable {
  const store = openStore(path, {
    migrations: inboxMigrations,
    synchronous: 'NORMAL',
    busyTimeoutMs: BUSY_TIMEOUT_MS,
  })
  return {
    write(rows) {
      store.transaction(() => {
        for (const row of rows) write(store, row)
        sweep(store, options)
      })
    },
    close: () => {
      store.close()
    },
  }
}

function write(store: Store, row: PredictionRow): void {
  const { id, input, version, answer, timeMs, canary = null, shadow, pinned } = row
  const { unit = null, traceparent = null, isCut, cited } = row
  const insert = `INSERT OR IGNORE INTO predictions (id, input, version, label, time_ms, canary, unit, shadow, pinned, traceparent, is_cut, cited)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
  // A version that was retired meanwhile may have given it.
  if (cited?.some((event) => isForgotten(store, event)) === true) {
    const empty = [ERASED, '', '', timeMs, null, null, null, null, null, null, null] as const
    store.run(insert, id, ...empty)
    return
  }
  const compared = shadow === undefined ? null : JSON.stringify(shadow)
  const named = pinned ? 1 : null
  const trial = [canary, unit, compared, named] as const
  const more = [traceparent, isCut ? 1 : null, cited ? JSON.stringify(cited) : null] as const
  store.run(insert, id, input, version, answer, timeMs, ...trial, ...more)
}

/** Numbers rise with time, so that both bounds cut at the low end. */
function sweep(
  store: Store,
  { count, bytes = Infinity, retentionMs, clock }: PredictionTableOptions,
): void {
  const newest = 'SELECT max(number) AS number FROM predictions'
  const last = store.get(newest)?.numberOrNull('number') ?? 0
  store.run('DELETE FROM predictions WHERE number <= ?', last - count)
  const oldest = store.get('SELECT number, time_ms FROM predictions ORDER BY number LIMIT 1')
  if (oldest === undefined) return
  const upTo = oldest.number('number') + SWEPT_ROWS
  if (bytesIn(store) > bytes) store.run('DELETE FROM predictions WHERE number < ?', upTo)
  if (oldest.number('time_ms') >= clock.nowMs() - retentionMs) return
  const old = 'DELETE FROM predictions WHERE number < ? AND time_ms < ?'
  store.run(old, upTo, clock.nowMs() - retentionMs)
}

function bytesIn(store: Store): number {
  const sql = `SELECT value FROM marks WHERE name = 'predictions_bytes'`
  return store.get(sql)?.number('value') ?? 0
}

/**
 * The traces that served predictions were made in, as the server looks them up when feedback on one arrives.
 */
interface PredictionTraces {
  /** Undefined also where the file cannot be read: a trace is no reason to refuse feedback. */
  of(predictionId: string): string | undefined
  close(): void
}

export function openPredictionTraces(path: string): PredictionTraces {
  const store = openStore(path, { migrations: inboxMigrations, readonly: true })
  const sql = 'SELECT traceparent FROM predictions WHERE id = ?'
  return {
    of(predictionId) {
      if (predictionId.includes('\0')) return undefined
      try {
        return store.get(sql, predictionId)?.textOrNull('traceparent') ?? undefined
      } catch {
        return undefined
      }
    },
    close: () => {
      store.close()
    },
  }
}
