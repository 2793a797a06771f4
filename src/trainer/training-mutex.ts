/**
 * Fair turns for the models of one process: updates run one at a time, in the order in which they were asked for,
 * because two trainings at once on the same cores are slower than one after the other.
 */
export class TrainingMutex {
  #last: Promise<unknown> = Promise.resolve()

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work)
    // A failure belongs to the one whose turn it was, not to those behind it.
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
