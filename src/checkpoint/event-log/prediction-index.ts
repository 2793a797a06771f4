/** Rows of the event log by the prediction that they speak of. Read from the log at the first question: most streams ask none. */
import type { RowTrace } from './pack.ts'

const SPARE = 1024

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
