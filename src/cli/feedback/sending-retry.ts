/** How a file of feedback is sent while the other side does not answer: again, with a line of progress for each wait. */
import { systemClock } from '../../platform/clock.ts'
import { RetryPolicy } from '../../platform/retry.ts'
import type { Progress } from '../progress.ts'

export function sendingRetry(retrySeconds: number, progress: Progress): RetryPolicy {
  return new RetryPolicy({
    clock: systemClock,
    firstMs: 250,
    longestMs: 10_000,
    limitMs: retrySeconds * 1000,
    onWait: ({ delayMs, error }) => {
      const wait = `retrying in ${(delayMs / 1000).toFixed(1)} s`
      progress.say(`${error.code}: ${error.message}: ${wait}`)
    },
  })
}
