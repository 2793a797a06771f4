/** The calls to another thread or process that wait for their answers. Each has a number, which its answer repeats. */
export class PendingCalls<Result> {
  readonly #waiting = new Map<number, PendingCall<Result>>()
  #last = 0

  get size(): number {
    return this.#waiting.size
  }

  call(send: (call: number) => void): Promise<Result> {
    const call = (this.#last += 1)
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      send(call)
    })
  }

  /** Answers to calls that wait no longer are dropped. */
  answer(call: number, result: Result): void {
    this.#take(call)?.resolve(result)
  }

  refuse(call: number, error: Error): void {
    this.#take(call)?.reject(error)
  }

  /** The other side has gone. */
  refuseAll(error: Error): void {
    for (const call of [...this.#waiting.keys()]) this.refuse(call, error)
  }

  #take(call: number): PendingCall<Result> | undefined {
    const waiting = this.#waiting.get(call)
    this.#waiting.delete(call)
    return waiting
  }
}

interface PendingCall<Result> {
  readonly resolve: (result: Result) => void
  readonly reject: (error: Error) => void
}
