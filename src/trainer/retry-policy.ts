/**
 * How the trainer meets a world that fails: what may succeed later is tried again, without end, because giving up would
 * lose feedback; waits double from 100 ms to 30 s with jitter, so that many trainers do not come back in step. Logged
 * once when it begins to fail and once when it is well again.
 */
import { CodedError, type Clock, type Logger, type Random } from '../contracts/core.ts'

export interface RetryPolicyParts {
  readonly clock: Clock
  readonly log: Logger
  /** Never a stream of the checkpoint: how often the world failed must not change what is learned. */
  readonly jitter: Random
}

const firstDelayMs = 100
const longestDelayMs = 30_000

export class RetryPolicy {
  readonly #parts: RetryPolicyParts

  constructor(parts: RetryPolicyParts) {
    this.#parts = parts
  }

  /** Rejects with an error that is not retriable, or with the signal's reason while it waits. */
  async persist<Result>(
    what: string,
    work: () => Promise<Result> | Result,
    signal: AbortSignal,
  ): Promise<Result> {
    for (let failures = 0; ; failures += 1) {
      try {
        const result = await work()
        if (failures > 0) this.#parts.log.info({ what, failures }, 'works again')
        return result
      } catch (error) {
        if (!mayRetry(error)) throw error
        if (failures === 0) this.#parts.log.warn({ what, err: error }, 'failed, trying again')
        await this.pause(failures, signal)
      }
    }
  }

  async pause(failures: number, signal: AbortSignal): Promise<void> {
    await this.#parts.clock.sleep(this.delayMs(failures), signal)
  }

  /** Half of the delay is certain, half is chance. */
  delayMs(failures: number): number {
    const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** failures)
    return delayMs * (0.5 + 0.5 * this.#parts.jitter.uniform())
  }
}

/** A lost lease never comes back: another daemon has the model. */
export function mayRetry(error: unknown): boolean {
  return error instanceof CodedError && error.retriable && !isLeaseLost(error)
}

export function isLeaseLost(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'LEASE_LOST'
}
