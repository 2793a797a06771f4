/**
 * Four numbers for each row of the event log, in memory as they are in the checkpoint: a ring that grows with the log.
 * The checkpoint keeps them in blocks, so that a change writes some kilobytes and never the examples.
 */
export const FACTS = 4
export const BLOCK = 256

/** The columns of a row. */
export const factOf = {
  state: 0,
  /** The number of the version that learned it; 0 = none. It stays when a rollback undoes that version. */
  version: 1,
  /** Its size, as counted for `event_log_bytes` of the limits. */
  bytes: 2,
  /** The number of the rollback that set it aside, 0 = none, and the marks of `rowMarks`. */
  rollback: 3,
} as const

/** Bits above every number of a rollback. */
export const rowMarks = {
  /** An earlier row of its event fell out of the log, and a version may have learned that one. */
  earlier: 2 ** 31,
  /** No version is left that has learned it: they were removed because something was forgotten. */
  gone: 2 ** 30,
  /** An earlier row with the same signal was learned: learned again, it does not count again. */
  counted: 2 ** 29,
} as const

export type RowMark = (typeof rowMarks)[keyof typeof rowMarks]

/** Without its marks. */
export function rollbackIn(fact: number): number {
  return fact % rowMarks.counted
}

type Fact = (typeof factOf)[keyof typeof factOf]

const SMALLEST = 1024

export class RowFacts {
  #ring = new Uint32Array(SMALLEST * FACTS)
  #capacity = SMALLEST

  get(order: number, fact: Fact): number {
    return this.#ring[this.#at(order) + fact] ?? 0
  }

  set(order: number, fact: Fact, value: number): void {
    this.#ring[this.#at(order) + fact] = value
  }

  /** Makes room for the rows [begin, end). */
  fit(begin: number, end: number): void {
    if (end - begin <= this.#capacity) return
    const [old, before] = [this.#ring, this.#capacity]
    while (end - begin > this.#capacity) this.#capacity *= 2
    this.#ring = new Uint32Array(this.#capacity * FACTS)
    for (let order = begin; order < Math.min(end, begin + before); order += 1) {
      const from = (order % before) * FACTS
      this.#ring.set(old.subarray(from, from + FACTS), this.#at(order))
    }
  }

  /** The rows of one block, as the checkpoint has them: those outside [begin, end) are zero. */
  block(block: number, begin: number, end: number): Uint8Array {
    const words = new Uint32Array(BLOCK * FACTS)
    const first = block * BLOCK
    for (let order = Math.max(first, begin); order < Math.min(first + BLOCK, end); order += 1) {
      const from = this.#at(order)
      words.set(this.#ring.subarray(from, from + FACTS), (order - first) * FACTS)
    }
    return new Uint8Array(words.buffer)
  }

  restoreBlock(block: number, bytes: Uint8Array, begin: number, end: number): void {
    const words = new Uint32Array(bytes.slice().buffer)
    const first = block * BLOCK
    for (let order = Math.max(first, begin); order < Math.min(first + BLOCK, end); order += 1) {
      const from = (order - first) * FACTS
      this.#ring.set(words.subarray(from, from + FACTS), this.#at(order))
    }
  }

  #at(order: number): number {
    return (order % this.#capacity) * FACTS
  }
}
