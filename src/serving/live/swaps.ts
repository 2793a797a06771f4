/**
 * Moves of the live pointer, one at a time, the latest wins: moves that arrive while one is being carried out replace
 * each other, so that a burst of ten costs two loads and ends at the right version.
 */
import type { Routing } from '../../versions/contract.ts'

export interface Swaps {
  /** Resolves when this pointer or a later one is in place; rejects when carrying it out failed. */
  request(pointer: Routing): Promise<void>
  /** Resolves when none is being carried out. */
  idle(): Promise<void>
}

interface Waiter {
  readonly generation: number
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** `carryOut` is never called concurrently, and never with an older pointer than before. */
export function openSwaps(carryOut: (pointer: Routing) => Promise<void>): Swaps {
  let latest: Routing | undefined
  let inPlace = -1
  let running: Promise<void> | undefined
  let waiters: readonly Waiter[] = []

  function settle(generation: number, tell: (waiter: Waiter) => void): void {
    const due = waiters.filter((waiter) => waiter.generation <= generation)
    waiters = waiters.filter((waiter) => waiter.generation > generation)
    due.forEach(tell)
  }

  async function attempt(pointer: Routing): Promise<void> {
    try {
      await carryOut(pointer)
      inPlace = pointer.generation
      settle(pointer.generation, (waiter) => waiter.resolve())
    } catch (error) {
      settle(pointer.generation, (waiter) => waiter.reject(error))
    }
  }

  async function run(): Promise<void> {
    while (latest !== undefined && waiters.length > 0) await attempt(latest)
    running = undefined
  }

  return {
    idle: async () => running,
    request(pointer) {
      if (latest === undefined || pointer.generation >= latest.generation) latest = pointer
      if (pointer.generation <= inPlace) return Promise.resolve()
      return new Promise((resolve, reject) => {
        waiters = [...waiters, { generation: pointer.generation, resolve, reject }]
        running ??= run()
      })
    },
  }
}
