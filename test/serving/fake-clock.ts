/** A clock that a test moves by hand; sleepers wake when their time has come. */
import type { Clock } from '../../src/contracts/core.ts'

export interface FakeClock extends Clock {
  advance(byMs: number): Promise<void>
}

export function openFakeClock(): FakeClock {
  let now = 1_000_000
  let sleepers: readonly { readonly untilMs: number; readonly wake: () => void }[] = []
  return {
    nowMs: () => now,
    monotonicMs: () => now,
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        const onAbort = () => reject(signal?.reason as Error)
        const wake = () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        }
        sleepers = [...sleepers, { untilMs: now + delayMs, wake }]
        signal?.addEventListener('abort', onAbort, { once: true })
      }),
    async advance(byMs) {
      now += byMs
      const due = sleepers.filter((sleeper) => sleeper.untilMs <= now)
      sleepers = sleepers.filter((sleeper) => sleeper.untilMs > now)
      for (const { wake } of due) wake()
      await settled()
    },
  }
}

/** Lets everything that waits for nothing outside go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
