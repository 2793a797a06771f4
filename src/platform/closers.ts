/**
 * A list of closers, run in reverse order. Every step runs, also after one failed, because a later step may save data.
 * Each failure is logged at once, and all of them are reported.
 */
import type { Logger } from '../contracts/core.ts'

export type Closer = () => Promise<void> | void

export interface Closeable {
  close(): Promise<void> | void
}

/** Closes all of them in this order, as `Closers` does. */
export async function closeAll(
  parts: readonly Closeable[],
  log?: Pick<Logger, 'error'>,
): Promise<void> {
  const closers = new Closers(log)
  for (const part of parts.toReversed()) closers.closing(part)
  await closers.close()
}

/** Closes all of them at once, where each may take long, and reports as `Closers` does. */
export async function closeTogether(parts: readonly Closeable[]): Promise<void> {
  const ended = await Promise.allSettled(parts.map(async (part) => part.close()))
  report(ended.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : [])))
}

export class Closers {
  readonly #log: Pick<Logger, 'error'> | undefined
  #steps: Closer[] = []

  constructor(log?: Pick<Logger, 'error'>) {
    this.#log = log
  }

  /** It runs before those that were added earlier. */
  add(step: Closer): void {
    this.#steps.push(step)
  }

  /** Its `close` runs before what was added earlier. */
  closing(part: Closeable): void {
    this.add(async () => part.close())
  }

  /**
   * Runs each step once, including steps added meanwhile. Rejects with the single failure, or with all of them
   * together.
   */
  async close(): Promise<void> {
    report(await this.#runAll())
  }

  /** Closes what was opened when start-up fails with `error`, which is what the caller must see. */
  async closeAfter(error: unknown): Promise<never> {
    await this.#runAll()
    throw error
  }

  async #runAll(): Promise<unknown[]> {
    const failures: unknown[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step()
      } catch (err) {
        this.#log?.error({ err }, 'a part could not be closed')
        failures.push(err)
      }
    }
    return failures
  }
}

function report(failures: readonly unknown[]): void {
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1)
    throw new AggregateError(failures, `${failures.length} parts failed to close`)
}
