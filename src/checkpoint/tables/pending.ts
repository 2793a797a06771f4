/**
 * Examples that wait for the next update, in the checkpoint: those since the last save in one row. They are appended,
 * and removed all together; if one is removed separately, because it was retracted or superseded, all are written
 * again.
 */
import type { Example } from '../../contracts/example.ts'
import type { Store } from '../../platform/store/store.ts'
import { exampleOf, checkRow, rowSum } from './rows.ts'
import { packExamples, unpackExamples } from '../example-pack.ts'

/** Bytes of one row, so that none is large. */
const ROWS = 2048

export class PendingTable {
  readonly #store: Store
  /** As saved. */
  #saved: readonly Example[] = []
  /** As written in the transaction that is still open. */
  #next: readonly Example[] | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** The stored content: read at the start, and after a failure. */
  load(): readonly Example[] {
    this.#next = undefined
    this.#moveOld()
    this.#saved = this.#store
      .all('SELECT header, data, sum FROM pending_runs ORDER BY seq')
      .flatMap((row) => {
        const [header, data] = [row.text('header'), row.bytes('data')]
        checkRow(row, { path: this.#store.path, what: 'the pending examples' }, header, data)
        return unpackExamples({ header, data })
      })
    return this.#saved
  }

  write(examples: readonly Example[]): void {
    const isGrown = this.#saved.every((example, at) => example === examples[at])
    if (!isGrown) this.#store.run('DELETE FROM pending_runs')
    this.#append(examples, isGrown ? this.#saved.length : 0)
    this.#next = examples
  }

  clear(): void {
    this.#store.run('DELETE FROM pending_runs')
    this.#saved = []
  }

  /** The transaction has been committed. */
  saved(): void {
    this.#saved = this.#next ?? this.#saved
    this.#next = undefined
  }

  #append(examples: readonly Example[], begin: number): void {
    const put = 'INSERT INTO pending_runs (header, data, sum) VALUES (?, ?, ?)'
    for (let from = begin; from < examples.length; from += ROWS) {
      const { header, data } = packExamples(examples.slice(from, from + ROWS))
      this.#store.run(put, header, data, rowSum(header, data))
    }
  }

  /** Moves the rows of an older checkpoint, which had no runs. */
  #moveOld(): void {
    const old = this.#store
      .all(
        `SELECT examples.key AS key, kind, data, target, weight, prediction, time_ms, slice, examples.sum AS sum
         FROM pending JOIN examples USING (key) ORDER BY seq`,
      )
      .map((row) => exampleOf(row, this.#store.path))
    if (old.length === 0) return
    this.#store.transaction(() => {
      this.#append(old, 0)
      this.#store.run('DELETE FROM pending')
      this.#store.run('DELETE FROM examples WHERE key NOT IN (SELECT key FROM remembered)')
    })
  }
}
