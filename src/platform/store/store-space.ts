/**
 * How a SQLite file gives space back to the disk. Deleted rows leave free pages, which new rows use again; a burst leaves
 * more of them than will be needed, and these go from the file in slices that take a millisecond or two.
 */

/** The log is cut to this after it was folded into the file; a large transaction makes it longer for a moment. */
const LOG_BYTES = 16 * 1024 * 1024
/** Fewer free pages (4 KiB each) are not worth the writing: a checkpoint frees and uses as many with each update. */
const LEAST_FREE_PAGES = 1024
const SLICE_PAGES = 256
/** Transactions between two looks. */
const BETWEEN_LOOKS = 16

interface Database {
  exec(sql: string): void
  pragma(name: 'freelist_count' | 'page_count'): number
}

/** Before the first table of a new file: one of an older release reuses its pages, and never becomes smaller. */
const NEW_FILE = 'PRAGMA auto_vacuum=INCREMENTAL'

export class StoreSpace {
  readonly #database: Database
  #transactions = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Call it before anything is written. A file that is there already is left as it is: its disk may be full. */
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
      // Another process writes, or the disk is full: the transaction is done, and this can wait for the next look.
    }
  }
}
