/**
 * One holder at a time, across processes: of a data folder, of a model's training.
 *
 * The kernel holds the lock (an exclusive SQLite transaction on a separate file), so it is released when its process
 * dies, and no stale lock ever needs a person. The holder's name is in a file beside it. Never open the locked file in
 * another way: closing it anywhere in the process would release the kernel's lock. Local disks only.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'libsql'
import type { Clock, CodedError } from '../../contracts/core.ts'
import { failure } from '../errors.ts'
import { diskFailure } from './disk-failure.ts'

export interface Lock {
  /** Idempotent. */
  release(): void
}

interface LockOptions {
  readonly clock: Clock
  /** How long to wait for a holder that is about to end. */
  readonly waitMs: number
  readonly signal?: AbortSignal
}

const RETRY_MS = 50

/** Throws DATA_DIR_LOCKED with the holder's pid when it is still held after `waitMs`. */
export async function acquireLock(path: string, options: LockOptions): Promise<Lock> {
  const deadlineMs = options.clock.monotonicMs() + options.waitMs
  const database = open(path)
  try {
    while (!tryLock(database, path)) {
      const leftMs = deadlineMs - options.clock.monotonicMs()
      if (leftMs <= 0) throw held(path)
      await options.clock.sleep(Math.min(RETRY_MS, leftMs), options.signal)
    }
    noteHolder(path)
  } catch (error) {
    letGo(database)
    throw error
  }
  return new HeldLock(database, path)
}

function noteHolder(path: string): void {
  try {
    writeFileSync(holderPath(path), String(process.pid))
  } catch (error) {
    throw diskFailure(error, holderPath(path), 'cannot write')
  }
}

class HeldLock implements Lock {
  readonly #database: Database.Database
  readonly #path: string
  #held = true

  constructor(database: Database.Database, path: string) {
    this.#database = database
    this.#path = path
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    rmSync(holderPath(this.#path), { force: true })
    letGo(this.#database)
  }
}

/** Closing alone would keep the lock until the library's handle is garbage collected. */
function letGo(database: Database.Database): void {
  if (database.inTransaction) database.exec('ROLLBACK')
  database.close()
}

function open(path: string): Database.Database {
  try {
    mkdirSync(dirname(path), { recursive: true })
    return new Database(path)
  } catch (error) {
    throw diskFailure(error, path, 'cannot lock')
  }
}

function tryLock(database: Database.Database, path: string): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code === 'SQLITE_BUSY') return false
    throw diskFailure(error, path, 'cannot lock')
  }
}

function held(path: string): CodedError {
  const pid = holder(path)
  const who = pid === undefined ? 'another process' : `process ${pid}`
  return failure('DATA_DIR_LOCKED', `${dirname(path)} is in use by ${who}`, {
    details: { path, pid: pid ?? null },
  })
}

/** Undefined in the moment between taking the lock and writing the file. */
function holder(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(holderPath(path), 'utf8'))
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

function holderPath(path: string): string {
  return `${path}.pid`
}

/** One holder at a time within this process, in order of request. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve()

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work)
    // A failure belongs to its own work, not to those that wait.
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
