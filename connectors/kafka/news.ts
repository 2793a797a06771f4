/** Wakes a waiting reader when there may be news. The reader must check again afterwards: a wake-up may be spurious. */
import { rest, type Clock } from '../../src/contracts/core.ts'

export class News {
  readonly #clock: Clock
  readonly #waiting = new Set<AbortController>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  tell(): void {
    for (const waiting of this.#waiting) waiting.abort()
  }

  /** Resolves after `waitMs` at the latest; rejects only with the reason of `signal`. */
  async wait(waitMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const waiting = new AbortController()
    const stop = () => waiting.abort()
    this.#waiting.add(waiting)
    signal?.addEventListener('abort', stop)
    try {
      await rest(this.#clock, waitMs, waiting.signal)
    } finally {
      this.#waiting.delete(waiting)
      signal?.removeEventListener('abort', stop)
    }
    signal?.throwIfAborted()
  }
}
