/**
 * Waiting for another connection that blocks a statement. SQLite's own waiting (`busy_timeout`) does not cover a read
 * lock that becomes a write lock: changing a new file to WAL answers "database is locked" at once.
 */
import { performance } from 'node:perf_hooks'
import { CodedError } from '../../contracts/core.ts'

const PAUSE_MS = 5

/** Blocks the thread, as SQLite does; after `waitMs` the caller gets the error. */
export function whileBusy(waitMs: number, work: () => void): void {
  const untilMs = performance.now() + waitMs
  for (;;) {
    try {
      work()
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() >= untilMs) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}

export function isBusy(error: unknown): boolean {
  const cause = error instanceof CodedError ? error.cause : error
  return cause instanceof Error && 'code' in cause && String(cause.code).startsWith('SQLITE_BUSY')
}
