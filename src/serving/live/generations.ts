/**
 * Requests that wait for the live pointer to reach a generation. Each waiter is a request in flight, so the server's
 * connections bound their number; a wait ends by the generation, by its deadline, or when the client disconnects.
 */
import type { Clock } from '../../contracts/core.ts'

export interface Generations {
  /** 0 until something is live. */
  readonly reached: number
  /** This generation answers from now on; wakes the waiters for it and for earlier ones. */
  reach(generation: number): void
  /** False when it is not reached within `waitMs`. Rejects with the signal's reason when aborted first. */
  until(
    generation: number,
    limits: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<boolean>
}

interface Waiter {
  readonly generation: number
  readonly wake: () => void
}

export function openGenerations(clock: Clock): Generations {
  const waiters = new Set<Waiter>()
  let reached = 0
  return {
    get reached() {
      return reached
    },
    reach(generation) {
      reached = Math.max(reached, generation)
      for (const waiter of waiters) if (waiter.generation <= reached) waiter.wake()
    },
    async until(generation, { waitMs, signal }) {
      signal?.throwIfAborted()
      if (generation <= reached) return true
      const over = new AbortController()
      const waiter = { generation, wake: () => over.abort() }
      waiters.add(waiter)
      try {
        const both = signal === undefined ? over.signal : AbortSignal.any([over.signal, signal])
        await clock.sleep(waitMs, both)
      } catch (error) {
        if (!over.signal.aborted) throw error
      } finally {
        waiters.delete(waiter)
      }
      return generation <= reached
    },
  }
}
