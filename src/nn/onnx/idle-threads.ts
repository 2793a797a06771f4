/**
 * Threads of a pool that is never closed, such as one that a base owns: they keep the process only while something waits for
 * them.
 */
import type { OrtThread } from './thread.ts'

export class IdleThreads {
  readonly #threads = new Set<OrtThread>()
  #running = 0

  /** For the pool: its `onStart`. */
  add(thread: OrtThread): void {
    this.#threads.add(thread)
    thread.worker.once('exit', () => this.#threads.delete(thread))
  }

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#running += 1
    for (const { worker } of this.#threads) worker.ref()
    try {
      return await work()
    } finally {
      this.#running -= 1
      if (this.#running === 0) for (const { worker } of this.#threads) worker.unref()
    }
  }
}
