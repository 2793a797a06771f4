/**
 * Feedback that came over HTTP, read from the daemon's own journal, where it has been durable since its 202.
 *
 * The journal is the embedded topic: one partition, offsets like Kafka's. Waiting ends early when `wake` says that
 * something was appended.
 */
import type { Clock, Journal, Source, SourceRecord } from '../../src/contracts.ts'

export interface HttpSource extends Source {
  /** Something may have been appended: a waiting read looks at once. */
  wake(): void
}

export function httpSource(options: {
  readonly name: string
  readonly journal: Journal
  readonly clock: Clock
}): HttpSource {
  const { name, journal, clock } = options
  let next = 0
  let wakeUp: () => void = () => undefined

  async function waitForMore(waitMs: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController()
    wakeUp = () => {
      woken.abort()
    }
    const either = AbortSignal.any([signal, woken.signal])
    await clock.sleep(waitMs, either).catch(() => undefined)
    signal.throwIfAborted()
  }

  function take(records: number): readonly SourceRecord[] {
    const found = journal.read(next, records)
    const last = found.at(-1)
    if (last !== undefined) next = last.offset + 1
    return found.map(({ offset, value, timeMs }) => ({
      partition: '0',
      position: String(offset),
      next: String(offset + 1),
      value,
      timeMs,
    }))
  }

  return {
    name,
    wake: () => {
      wakeUp()
    },
    open: async (from) => {
      next = Number(from['0'] ?? '0')
      return Promise.resolve()
    },
    read: async ({ records, waitMs }, signal) => {
      signal.throwIfAborted()
      const found = take(records)
      if (found.length > 0 || waitMs === 0) return found
      await waitForMore(waitMs, signal)
      return take(records)
    },
    commit: async (positions) => {
      journal.consumed(Number(positions['0'] ?? '0'))
      return Promise.resolve()
    },
    lag: async () => Promise.resolve(Math.max(0, journal.end() - next)),
    close: async () => Promise.resolve(),
  }
}
