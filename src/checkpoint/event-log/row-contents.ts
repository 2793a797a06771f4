/**
 * The rows themselves: keys, examples and notes. Rows that were saved are read from the checkpoint when they are asked
 * for; the others are here until the next save.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { LogChange } from './contract.ts'
import type { LoggedRow, RowTrace } from './pack.ts'
import { noKey } from './table.ts'

export type OrderedRow = LoggedRow & { readonly order: number }
export type OrderedTrace = RowTrace & { readonly order: number }

/** Reads the rows that are in the checkpoint. */
export interface StoredRows {
  rows(from: number, to: number): Iterable<OrderedRow>
  traces(from: number, to: number): Iterable<OrderedTrace>
}

export class RowContents {
  readonly #stored: StoredRows
  #savedEnd = 0
  #fresh: LoggedRow[] = []
  readonly #stripped = new Set<number>()
  readonly #bare = new Set<number>()

  constructor(stored: StoredRows) {
    this.#stored = stored
  }

  add(row: LoggedRow): void {
    this.#fresh.push(row)
  }

  /** Removes the example of a row. */
  strip(order: number): void {
    if (order < this.#savedEnd) this.#stripped.add(order)
    else {
      const at = order - this.#savedEnd
      const { key, note } = this.#fresh[at] ?? {}
      if (key !== undefined) this.#fresh[at] = { key, ...(note && { note }) }
    }
  }

  /** Removes key, note and example of a row. */
  bare(order: number): void {
    if (order >= this.#savedEnd) this.#fresh[order - this.#savedEnd] = { key: noKey }
    else {
      this.#stripped.add(order)
      this.#bare.add(order)
    }
  }

  keyAt(order: number): ExampleKey | undefined {
    if (order >= this.#savedEnd) return this.#fresh[order - this.#savedEnd]?.key
    for (const { key } of this.#stored.traces(order, order + 1)) return key
    return undefined
  }

  *rows(from: number): Generator<OrderedRow> {
    yield* this.#stored.rows(from, this.#savedEnd)
    for (const [order, row] of this.#freshFrom(from)) yield { ...row, order }
  }

  *traces(from: number): Generator<OrderedTrace> {
    yield* this.#stored.traces(from, this.#savedEnd)
    for (const [order, { key, example }] of this.#freshFrom(from))
      yield { ...(example ?? {}), key, order }
  }

  /** Since the last save, without rows before `begin`. */
  change(begin: number): Pick<LogChange, 'first' | 'fresh' | 'stripped' | 'bare'> {
    const first = Math.max(this.#savedEnd, begin)
    return {
      first,
      fresh: this.#fresh.slice(first - this.#savedEnd),
      stripped: [...this.#stripped],
      bare: [...this.#bare],
    }
  }

  saved(end: number): void {
    this.restore(end)
    this.#stripped.clear()
    this.#bare.clear()
  }

  /** The checkpoint has the rows before `end`. */
  restore(end: number): void {
    this.#savedEnd = end
    this.#fresh = []
  }

  *#freshFrom(from: number): Generator<readonly [order: number, row: LoggedRow]> {
    for (const [at, row] of this.#fresh.entries())
      if (this.#savedEnd + at >= from) yield [this.#savedEnd + at, row]
  }
}
