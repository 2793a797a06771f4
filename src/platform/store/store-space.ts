/**
 * How a SQLite file returns space to the disk. Deleted rows leave free pages, which new rows reuse; a burst leaves more
 * than will be needed, and these are released in slices of a millisecond or two.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** The log is truncated to this size after a checkpoint; a large transaction makes it longer for a moment. */
const LOG_BYTES = 16 * 1024 * 1024
/** Fewer free pages (4 KiB each) are not worth releasing: a checkpoint frees and reuses as many with each update. */
const LEAST_FREE_PAGES = 1024
const SLICE_PAGES = 256
/** Transactions between two checks. */
const BETWEEN_LOOKS = 16

interface Database {
  exec(sql: string): void
  pragma(name: 'freelist_count' | 'page_count'): number
}

/** Must precede the first table of a new file: a file of an older release reuses its pages, but never shrinks. */
const NEW_FILE = 'PRAGMA auto_vacuum=INCREMENTAL'

export class StoreSpace {
  readonly #database: Database
  #transactions = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Call it before anything is written. An existing file is left unchanged: its disk may be full. */
  prepare(): void {
    if (this.#database.pragma('page_count') === 0) this.#database.exec(NEW_FILE)
    this.#database.exec(`PRAGMA journal_size_limit=${LOG_BYTES}`)
  }

  /** Call it after each transaction. */
  giveBack(): void {
    this.#transactions += 1
    if (this.#transactions % BETWEEN_LOOKS !== 0) return
    try {
      const free = this.#database.pragma('freelist_count')
      if (free < LEAST_FREE_PAGES || 4 * free < this.#database.pragma('page_count')) return
      this.#database.exec(`PRAGMA incremental_vacuum(${SLICE_PAGES})`)
    } catch {
      // Another process writes, or the disk is full: the transaction is done, so this can wait for the next check.
    }
  }
}

/** The disk usage of each store of a folder, its log included. By name, such as `inbox` for `inbox.db` and `inbox.db-wal`. Empty when the folder cannot be read. */
export function storeSizes(folder: string): Readonly<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const file of filesIn(folder)) {
    const store = /^(.+)\.db(-wal)?$/.exec(file)?.[1]
    if (store === undefined) continue
    const size = statSync(join(folder, file), { throwIfNoEntry: false })?.size ?? 0
    sizes[store] = (sizes[store] ?? 0) + size
  }
  return sizes
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
