/**
 * Cuts long work on the event loop into slices, so that a probe or a prediction never waits for someone else's large
 * body.
 *
 * All requests share one budget per turn of the loop: work that finds it used up waits for the next turn, first come
 * first served. A small request usually finds budget left and runs at once. One item is never cut, so each must be
 * short.
 */
import { systemClock } from './clock.ts'

export interface Slices {
  /** Runs one piece of work as soon as a turn of the loop has time for it. */
  run<Result>(work: () => Result): Promise<Result>
  /** Like `items.map(work)`, over as many turns of the loop as it needs. Rejects at the first item that throws. */
  each<Item, Result>(
    items: readonly Item[],
    work: (item: Item, index: number) => Result,
  ): Promise<readonly Result[]>
}

/** A quarter of the allowed time on the loop: the last item of a slice, and socket reads, come on top. */
const BUDGET_MS = 5

export function openSlices(
  budgetMs: number = BUDGET_MS,
  nowMs: () => number = () => systemClock.monotonicMs(),
): Slices {
  return new LoopSlices(budgetMs, nowMs)
}

class LoopSlices implements Slices {
  readonly #budgetMs: number
  readonly #nowMs: () => number
  readonly #waiting: (() => void)[] = []
  #spentMs = 0
  #turning = false

  constructor(budgetMs: number, nowMs: () => number) {
    this.#budgetMs = budgetMs
    this.#nowMs = nowMs
  }

  async run<Result>(work: () => Result): Promise<Result> {
    const [result] = await this.each([work], (one) => one())
    return result as Result
  }

  async each<Item, Result>(
    items: readonly Item[],
    work: (item: Item, index: number) => Result,
  ): Promise<readonly Result[]> {
    const results: Result[] = []
    const slice = () => {
      for (let at = results.length; at < items.length && this.#hasTime(); at += 1)
        this.#measured(() => results.push(work(items[at] as Item, at)))
    }
    if (this.#waiting.length === 0) slice()
    while (results.length < items.length) await this.#inTurn(slice)
    return results
  }

  #hasTime(): boolean {
    return this.#spentMs < this.#budgetMs
  }

  #measured(work: () => void): void {
    const startMs = this.#nowMs()
    try {
      work()
    } finally {
      this.#spentMs += this.#nowMs() - startMs
      this.#turnLater()
    }
  }

  #inTurn(slice: () => void): Promise<void> {
    return new Promise((resolve) => {
      // An async function runs at once and turns an exception into a rejection.
      this.#waiting.push(() => {
        resolve((async () => slice())())
      })
      this.#turnLater()
    })
  }

  #turnLater(): void {
    if (this.#turning) return
    this.#turning = true
    setImmediate(() => this.#turn())
  }

  /**
   * Work that ran at once since the last turn counts in this one. Work queued behind the last item waits for the next
   * turn.
   */
  #turn(): void {
    this.#turning = false
    for (let left = this.#waiting.length; left > 0 && this.#hasTime(); left -= 1)
      this.#waiting.shift()?.()
    this.#spentMs = 0
    if (this.#waiting.length > 0) this.#turnLater()
  }
}

/** One per process, because a process has one event loop. */
export const eventLoop: Slices = openSlices()
