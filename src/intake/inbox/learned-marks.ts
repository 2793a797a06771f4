/**
 * Which messages of an inbox the trainer has learned, given only its position in the stream: stores the id of each
 * batch's last entry until the trainer's position has passed it.
 */

export class LearnedMarks {
  /** When entry `id` is learned, everything below `offset` is. */
  #marks: { readonly id: string; readonly offset: number }[] = []

  /** The highest offset that is waited for. */
  get last(): number | undefined {
    return this.#marks.at(-1)?.offset
  }

  /** Adds a mark. With many marks the resolution becomes coarser. */
  add(id: string, offset: number): void {
    if (this.#marks.length >= MOST) this.#marks.pop()
    this.#marks.push({ id, offset })
  }

  /** Removes the entries that were passed, and returns the offset reached. */
  passed(word: string): number | undefined {
    const passed = this.#marks.findLastIndex(({ id }) => isAtOrBefore(id, word))
    const offset = this.#marks[passed]?.offset
    this.#marks = this.#marks.slice(passed + 1)
    return offset
  }

  clear(): void {
    this.#marks = []
  }
}

const MOST = 4096

/** Both halves of a stream's id are 64 bits wide. */
export function isAtOrBefore(id: string, other: string): boolean {
  const [ms = 0n, sequence = 0n] = id.split('-').map(BigInt)
  const [otherMs = 0n, otherSequence = 0n] = other.split('-').map(BigInt)
  return ms < otherMs || (ms === otherMs && sequence <= otherSequence)
}
