/** The last rollbacks that have set events aside, so that a receipt can name the one that did it. */
import type { LoggedRollback } from './contract.ts'

/** Rollbacks that receipts can name. */
const MOST_ROLLBACKS = 100

export class Rollbacks {
  #all: LoggedRollback[] = []
  #next = 1
  #isChanged = false

  /** The number of the next one; the newest has the one before. */
  get next(): number {
    return this.#next
  }

  wentTo(version: string): boolean {
    return this.#all.some(({ to }) => to === version)
  }

  /** Returns its number. */
  add(to: string, timeMs: number, reason: string): number {
    const id = this.#next
    this.#next += 1
    this.#all = [...this.#all, { id, to, timeMs, reason }].slice(-MOST_ROLLBACKS)
    this.#isChanged = true
    return id
  }

  /** Undefined if they are those of the last save. */
  get change(): readonly LoggedRollback[] | undefined {
    return this.#isChanged ? this.#all : undefined
  }

  saved(): void {
    this.#isChanged = false
  }

  restore(all: readonly LoggedRollback[], next: number): void {
    this.#all = [...all]
    this.#next = next
  }
}
