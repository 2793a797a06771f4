/**
 * The rows that are learned again after data was forgotten: the learner has gone back to a version without
 * that data, and learns the rest in its old order. The state of each row is in the checkpoint; the queue only
 * remembers their order.
 */
import type { EventRows, KnownRow } from './event-rows.ts'
import type { OrderedRow } from './row-contents.ts'
import { eventStates } from './states.ts'

export class RelearnQueue {
  readonly #rows: EventRows
  /** Orders of rows, ascending; some may have changed their state since. */
  #orders: number[] = []

  constructor(rows: EventRows) {
    this.#rows = rows
  }

  get size(): number {
    return this.#rows.count(eventStates.relearning)
  }

  /** `orders`: ascending. `isGone`: whether the version with this number was removed for good. */
  start(orders: readonly number[], isGone: (version: number) => boolean): void {
    for (const order of orders) this.#rows.relearn(order, isGone(this.#rows.versionOf(order)))
    this.#orders = [...orders]
  }

  /** Every row that waits, without its content. */
  *known(): Generator<KnownRow> {
    for (const row of this.#rows.known()) if (row.state === eventStates.relearning) yield row
  }

  /** The next rows, at most `count`. They stay in the queue until their state changes. */
  next(count: number): readonly OrderedRow[] {
    const at = this.#orders.findIndex((order) => this.#isDue(order))
    this.#orders = at < 0 ? [] : this.#orders.slice(at)
    const [first] = this.#orders
    const found: OrderedRow[] = []
    if (first === undefined) return found
    for (const row of this.#rows.rows(first)) {
      if (this.#isDue(row.order)) found.push(row)
      if (found.length === count) break
    }
    return found
  }

  /** Reads the queue from the states of the rows. */
  restore(): void {
    this.#orders = []
    for (let order = this.#rows.begin; order < this.#rows.end; order += 1)
      if (this.#isDue(order)) this.#orders.push(order)
  }

  #isDue(order: number): boolean {
    return order >= this.#rows.begin && this.#rows.at(order) === eventStates.relearning
  }
}
