/**
 * The rows themselves: keys, examples and notes. Rows that were saved are read from the checkpoint when they are asked
 * for; the others are here until the next save.
 */
import type { ExampleKey } from '../../contracts/core.ts'
import type { Example } from '../../contracts/example.ts'
import type { LogChange } from './contract.ts'
import type { LoggedRow, RowTrace } from '../example-pack.ts'
import { noKey } from './table.ts'

export type OrderedRow = LoggedRow & { readonly order: number }
type OrderedTrace = RowTrace & { readonly order: number }

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

  exampleAt(order: number): Example | undefined {
    if (order >= this.#savedEnd) return this.#fresh[order - this.#savedEnd]?.example
    if (this.#stripped.has(order)) return undefined
    for (const { example } of this.#stored.rows(order, order + 1)) return example
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

const SPARE = 1024

/** Rows by the prediction that they speak of. Read from the log at the first question: most streams ask none. */
export class PredictionIndex {
  readonly #traces: () => Iterable<RowTrace & { readonly order: number }>
  #orders: Map<string, readonly number[]> | undefined

  constructor(traces: () => Iterable<RowTrace & { readonly order: number }>) {
    this.#traces = traces
  }

  /** `rows`: how many the log has. Predictions of rows that fell out are forgotten now and then, all together. */
  add(predictionId: string | undefined, order: number, rows: number): void {
    if (predictionId === undefined || this.#orders === undefined) return
    if (this.#orders.size > 2 * rows + SPARE) {
      this.clear()
      return
    }
    this.#orders.set(predictionId, [...(this.#orders.get(predictionId) ?? []), order])
  }

  /** Oldest first, from the row `begin` on. */
  about(predictionId: string, begin: number): readonly number[] {
    this.#orders ??= this.#read()
    const known = this.#orders.get(predictionId) ?? []
    const kept = known.filter((order) => order >= begin)
    if (kept.length === 0) this.#orders.delete(predictionId)
    return kept
  }

  clear(): void {
    this.#orders = undefined
  }

  #read(): Map<string, readonly number[]> {
    const orders = new Map<string, readonly number[]>()
    for (const { predictionId, order } of this.#traces())
      if (predictionId !== undefined)
        orders.set(predictionId, [...(orders.get(predictionId) ?? []), order])
    return orders
  }
}
