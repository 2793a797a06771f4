/** Asks again while the answer is "later": as long as the daemon says, or ever longer by itself, up to a limit in all. */
import { CodedError, type Clock, type Random } from '../contracts/core.ts'

export interface RetryPlan {
  readonly clock: Clock
  readonly random: Random
  /** How long to go on without a single success. */
  readonly mostMs: number
  /** Told before each wait. */
  readonly onWait?: (wait: { readonly delayMs: number; readonly error: CodedError }) => void
}

const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 10_000

export async function withRetries<Answer>(
  work: () => Promise<Answer>,
  plan: RetryPlan,
): Promise<Answer> {
  const begunMs = plan.clock.monotonicMs()
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof CodedError) || !error.retriable) throw error
      const delayMs = delayAfter(error, attempt, plan.random)
      if (plan.clock.monotonicMs() - begunMs + delayMs > plan.mostMs) throw error
      plan.onWait?.({ delayMs, error })
      await plan.clock.sleep(delayMs)
    }
  }
}

/** Full jitter, so that many clients of one daemon do not come back at once; never before it said. */
function delayAfter(error: CodedError, attempt: number, random: Random): number {
  const { retryAfterMs } = error.details
  const said = typeof retryAfterMs === 'number' ? retryAfterMs : 0
  const ceilingMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt, 10))
  return Math.max(said, ceilingMs * (0.5 + random.uniform() / 2))
}
