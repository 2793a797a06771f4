/** The machine's clock. All other code receives a `Clock`, so that a test controls the time. */
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../contracts/core.ts'
import { invariant } from './errors.ts'

/** Node fires a longer timer immediately. */
const LONGEST_SLEEP_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(delayMs, signal) {
    invariant(delayMs <= LONGEST_SLEEP_MS, `a sleep of ${delayMs} ms`)
    try {
      await wait(Math.max(0, delayMs), undefined, signal && { signal })
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error
    }
  },
}
