/**
 * What became of each row, in memory: its state, the version that learned it, its size and the rollback that set it
 * aside. Counts the rows in each state, and knows which blocks the next save has to write.
 */
import type { LoadedLog } from './contract.ts'
import { countsOf, eventStates, type EventCounts, type EventState } from './states.ts'

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
  /** Taken out of the sums since the newest version of the line; with the next version, that one says so. */
  removed: 2 ** 28,
  /** Its content was retracted or forgotten. */
  erased: 2 ** 27,
  /** Retracted, and what it had taught is still in the weights. */
  kept: 2 ** 26,
  /** Its event has earlier rows in the log. */
  repeated: 2 ** 25,
} as const

export type RowMark = (typeof rowMarks)[keyof typeof rowMarks]

/** Without its marks. */
export function rollbackIn(fact: number): number {
  return fact % rowMarks.repeated
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

export class RowStates {
  readonly #facts = new RowFacts()
  #counts: number[] = []
  #bytes = 0
  /** Orders of rows that wait for the next update; some may have changed since. */
  #pending: number[] = []
  readonly #dirty = new Set<number>()

  /** Σ of the sizes. */
  get bytes(): number {
    return this.#bytes
  }

  counts(older: number): EventCounts {
    return countsOf(this.#counts, older)
  }

  count(state: EventState): number {
    return this.#counts[state] ?? 0
  }

  at(order: number): EventState {
    return this.#facts.get(order, factOf.state) as EventState
  }

  /** The number of the version that learned it; 0 = none. */
  versionOf(order: number): number {
    return this.#facts.get(order, factOf.version)
  }

  /** The row `order` is the last of those from `begin` on. */
  add(begin: number, order: number, state: EventState, bytes: number): void {
    this.#facts.fit(begin, order + 1)
    this.#facts.set(order, factOf.state, state)
    this.#facts.set(order, factOf.version, 0)
    this.#facts.set(order, factOf.bytes, bytes)
    this.#facts.set(order, factOf.rollback, 0)
    this.#bytes += bytes
    this.#changed(order, state)
  }

  set(order: number, state: EventState): void {
    this.#add(this.at(order), -1)
    this.#facts.set(order, factOf.state, state)
    this.#changed(order, state)
  }

  /** The version with this number has learned all pending rows. Returns how many of them an earlier version had learned. */
  learned(version: number, begin: number): number {
    let again = 0
    for (const order of this.#pending) {
      if (order < begin || this.at(order) !== eventStates.pending) continue
      this.#facts.set(order, factOf.version, version)
      if (this.has(order, rowMarks.counted)) again += 1
      this.set(order, eventStates.learned)
    }
    this.#pending = []
    return again
  }

  /** The version with this number has learned it, in place of another one. */
  moveTo(order: number, version: number): void {
    this.#facts.set(order, factOf.version, version)
    this.#dirty.add(Math.floor(order / BLOCK))
  }

  /** Records the rollback, by its number. Call it along with the change of state. */
  setAsideBy(order: number, rollback: number): void {
    const before = this.#facts.get(order, factOf.rollback)
    this.#facts.set(order, factOf.rollback, before - rollbackIn(before) + rollback)
  }

  has(order: number, mark: RowMark): boolean {
    return (this.#facts.get(order, factOf.rollback) & mark) !== 0
  }

  mark(order: number, mark: RowMark): void {
    if (this.has(order, mark)) return
    this.#facts.set(order, factOf.rollback, this.#facts.get(order, factOf.rollback) + mark)
    this.#dirty.add(Math.floor(order / BLOCK))
  }

  unmark(order: number, mark: RowMark): void {
    if (!this.has(order, mark)) return
    this.#facts.set(order, factOf.rollback, this.#facts.get(order, factOf.rollback) - mark)
    this.#dirty.add(Math.floor(order / BLOCK))
  }

  /** Drops the oldest row; returns the state that it had. */
  drop(order: number): EventState {
    const state = this.at(order)
    this.#add(state, -1)
    this.#bytes -= this.#facts.get(order, factOf.bytes)
    return state
  }

  /** Those that have changed since the last save. */
  blocks(begin: number, end: number): LoadedLog['blocks'] {
    const blocks = [...this.#dirty].filter((block) => (block + 1) * BLOCK > begin)
    return blocks.map((block) => ({ block, bytes: this.#facts.block(block, begin, end) }))
  }

  saved(): void {
    this.#dirty.clear()
  }

  restore(blocks: LoadedLog['blocks'], begin: number, end: number): void {
    this.#facts.fit(begin, end)
    for (const { block, bytes } of blocks) this.#facts.restoreBlock(block, bytes, begin, end)
    this.#counts = []
    this.#pending = []
    this.#bytes = 0
    for (let order = begin; order < end; order += 1) {
      const state = this.at(order)
      this.#add(state, 1)
      this.#bytes += this.#facts.get(order, factOf.bytes)
      if (state === eventStates.pending) this.#pending.push(order)
    }
  }

  #changed(order: number, state: EventState): void {
    this.#add(state, 1)
    this.#dirty.add(Math.floor(order / BLOCK))
    if (state === eventStates.pending) this.#pending.push(order)
  }

  #add(state: EventState, by: number): void {
    this.#counts[state] = (this.#counts[state] ?? 0) + by
  }
}
