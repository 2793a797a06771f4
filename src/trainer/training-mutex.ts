/**
 * Fair turns for the models of one process: updates run one at a time, in the order in which they were asked for,
 * because two trainings at once on the same cores are slower than one after the other.
 */
export class TrainingMutex {
  #last: Promise<unknown> = Promise.resolve()
  #queued = 0

  /** Models that wait for their turn or have it. */
  get queued(): number {
    return this.#queued
  }

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#queued += 1
    const mine = this.#last.then(work)
    // A failure belongs to the one whose turn it was, not to those behind it.
    this.#last = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      this.#queued -= 1
    }
  }
}
