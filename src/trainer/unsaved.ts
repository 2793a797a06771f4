/**
 * How far the checkpoint is behind. After a crash the trainer reads everything since the last save again, and the data
 * in memory until the next one is bounded, so both decide when to save; so does time, which bounds the disk's load.
 */
import type { LoopParts } from './parts.ts'

/** Refused messages wait in memory for the next checkpoint. */
const MOST_BYTES = 4 * 1024 * 1024

export class UnsavedWork {
  readonly #parts: Pick<LoopParts, 'clock' | 'limits'>
  /** The bytes of the dead letters that wait for the next checkpoint. */
  readonly #waitingBytes: () => number
  #isDirty = false
  #isNoted = false
  #records = 0
  /** A start counts as a save: the clock's zero is long ago, and would make the first turn due. */
  #savedMs: number

  constructor(parts: Pick<LoopParts, 'clock' | 'limits'>, waitingBytes: () => number) {
    this.#parts = parts
    this.#waitingBytes = waitingBytes
    this.#savedMs = parts.clock.monotonicMs()
  }

  /** Something was consumed or changed that the checkpoint does not have. */
  get isDirty(): boolean {
    return this.#isDirty || this.#isNoted
  }

  /** A stream at rest waits for so long before it is saved again; undefined: it is saved now. */
  get restMs(): number | undefined {
    const { limits, clock } = this.#parts
    const leftMs = this.#savedMs + (limits.unsaved?.restMs ?? 0) - clock.monotonicMs()
    return this.#isDirty && leftMs > 0 ? leftMs : undefined
  }

  /** Dirty, and a stream at rest is the time to save it. */
  get isPressing(): boolean {
    return this.#isDirty || (this.#isNoted && this.isDue)
  }

  get isDue(): boolean {
    const { limits, clock } = this.#parts
    const { records, ms } = limits.unsaved ?? { records: 0, ms: 0 }
    if (this.#records >= records || this.#waitingBytes() >= MOST_BYTES) return true
    return clock.monotonicMs() - this.#savedMs >= ms
  }

  /** What a start would find out by itself, such as a move that was intended and is made: the next save is soon enough. */
  noted(): void {
    this.#isNoted = true
  }

  changed(): void {
    this.#isDirty = true
  }

  consumed(): void {
    this.#isDirty = true
    this.#records += 1
  }

  saved(): void {
    this.#isDirty = false
    this.#isNoted = false
    this.#records = 0
    this.#savedMs = this.#parts.clock.monotonicMs()
  }
}
