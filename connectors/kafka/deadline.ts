/** A call to kafkajs may take as long as its sockets allow; these helpers put a limit on the wait. */
import type { Clock } from '../../src/contracts/core.ts'

/** Resolves when `work` has settled, or after `limitMs`. */
export async function within(clock: Clock, limitMs: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController()
  const ended = work.then(
    () => undefined,
    () => undefined,
  )
  const late = clock.sleep(limitMs, done.signal).catch(() => undefined)
  await Promise.race([ended, late])
  done.abort()
}

/** Like `work`, or rejects with the signal's reason if that comes first. */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  // The caller may no longer be waiting for the outcome.
  work.catch(() => undefined)
  signal.throwIfAborted()
  const done = new AbortController()
  const aborted = new Promise<never>((_, reject) => {
    const stop = () => reject(signal.reason as Error)
    signal.addEventListener('abort', stop, { signal: done.signal })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    done.abort()
  }
}
