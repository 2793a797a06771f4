/** How many updates this process has finished, and how long their steps took: for two metrics of the server. */
import type { UpdateTimes } from '../contract.ts'

/** More finished updates than the server can miss between two scrapes that are a quarter of a minute apart. */
const KEPT = 64

export class UpdateClock {
  #count = 0
  #stepSeconds: readonly number[] = []

  /** An update took `ms` for this many steps. */
  finished(ms: number, steps: number): void {
    this.#count += 1
    this.#stepSeconds = [...this.#stepSeconds, ms / 1000 / Math.max(1, steps)].slice(-KEPT)
  }

  get shown(): UpdateTimes {
    return { count: this.#count, stepSeconds: this.#stepSeconds }
  }
}
