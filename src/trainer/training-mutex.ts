/**
 * A mutex for the models of one process: updates run one at a time, in order of request, because two concurrent
 * trainings on the same cores are slower than one after the other.
 */
export class TrainingMutex {
  #last: Promise<unknown> = Promise.resolve()

  async take<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#last.then(work)
    // A failure belongs to its own update, not to those that wait.
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
