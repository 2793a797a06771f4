/**
 * The one retry policy: waits double from `firstMs` to `longestMs`, and half of each wait is chance, so that many
 * processes do not come back in step. An error says itself whether another try may help (`CodedError.retriable`) and,
 * where the other side asked for it, how long to wait at least (`details.retryAfterMs`).
 */
import { CodedError, type Clock, type Logger, type Random } from '../contracts/core.ts'
import { openJitter } from './random.ts'

export interface RetryOptions {
  readonly clock: Clock
  /** Never a stream of the checkpoint: how often the world fails must not change what is learned. */
  readonly jitter: Random
  readonly firstMs: number
  readonly longestMs: number
  /** Gives up before a wait that would end later than this after the first try; absent = never gives up. */
  readonly limitMs?: number
  /** Gets the first failure in a row and the recovery from it. */
  readonly log?: Pick<Logger, 'info' | 'warn'>
  /** Called before each wait. `what` names the work. */
  readonly onWait?: (wait: {
    readonly what: string
    readonly delayMs: number
    readonly error: CodedError
  }) => void
  /** Called when a work has succeeded or is given up. */
  readonly onEnd?: (what: string) => void
}

export class RetryPolicy {
  readonly #options: RetryOptions

  constructor(options: Pick<RetryOptions, 'clock'> & Partial<Omit<RetryOptions, 'clock'>>) {
    this.#options = { jitter: openJitter('retry'), firstMs: 100, longestMs: 30_000, ...options }
  }

  /**
   * Repeats `work` until it succeeds. Rejects with an error that is not retriable, with the last one when the limit is
   * reached, or with the signal's reason while it waits. `what` names the work in the log.
   */
  async run<Result>(
    what: string,
    work: () => Promise<Result> | Result,
    signal?: AbortSignal,
  ): Promise<Result> {
    const { clock, log, onEnd } = this.#options
    const startedMs = clock.monotonicMs()
    let failures = 0
    try {
      for (; ; failures += 1) {
        try {
          const result = await work()
          if (failures > 0) log?.info({ what, failures }, 'works again')
          return result
        } catch (error) {
          if (!isRetriable(error)) throw error
          if (failures === 0) log?.warn({ what, err: error }, 'failed, trying again')
          await this.#wait(error, { what, failures, startedMs, signal })
        }
      }
    } finally {
      onEnd?.(what)
    }
  }

  /** How long to wait after a failure that has `failures` others directly before it. */
  delayMs(failures: number, error?: unknown): number {
    const { firstMs, longestMs, jitter } = this.#options
    const delayMs = Math.min(longestMs, firstMs * 2 ** failures)
    return Math.max(retryAfterMs(error), delayMs * (0.5 + 0.5 * jitter.uniform()))
  }

  async #wait(
    error: CodedError,
    { what, failures, startedMs, signal }: WaitingWork,
  ): Promise<void> {
    const { clock, limitMs = Infinity, onWait } = this.#options
    const delayMs = this.delayMs(failures, error)
    if (clock.monotonicMs() - startedMs + delayMs > limitMs) throw error
    onWait?.({ what, delayMs, error })
    await clock.sleep(delayMs, signal)
  }
}

interface WaitingWork {
  readonly what: string
  readonly failures: number
  readonly startedMs: number
  readonly signal: AbortSignal | undefined
}

/** A lost lease never comes back: another daemon has the model. */
export function isRetriable(error: unknown): error is CodedError {
  return error instanceof CodedError && error.retriable && !isLeaseLost(error)
}

export function isLeaseLost(error: unknown): boolean {
  return error instanceof CodedError && error.code === 'LEASE_LOST'
}

function retryAfterMs(error: unknown): number {
  const asked = error instanceof CodedError ? error.details.retryAfterMs : undefined
  return typeof asked === 'number' ? asked : 0
}

/** Whether a signal is aborted now: after an await the compiler still assumes the old answer. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted
}
