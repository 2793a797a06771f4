/**
 * The members of the fleet as last reported, from memory. While Redis is away, the last report stays until it is old.
 */
import { rest, type Clock, type Logger } from '../../../contracts/core.ts'
import type { Member, Members } from './members.ts'

export interface HeardMembers {
  members(): readonly Member[]
  close(): void
}

const EVERY_MS = 1000
const FORGET_MS = 60_000

export function openHeardMembers(
  members: Pick<Members, 'list'>,
  {
    replica,
    clock,
    log,
  }: { readonly replica: string; readonly clock: Clock; readonly log: Logger },
): HeardMembers {
  const stopped = new AbortController()
  let last: readonly Member[] = []
  const isFresh = ({ seenMs }: Member) => clock.nowMs() - seenMs < FORGET_MS
  /** In how many looks each was missing: after an outage of Redis not all call at once. */
  const missing = new Map<string, number>()
  const report = (names: readonly string[]) => {
    for (const name of names) {
      if (!missing.has(name)) log.info({ replica: name }, 'another daemon is in the fleet')
      missing.set(name, 0)
    }
    for (const [name, looks] of missing) {
      if (names.includes(name)) continue
      missing.set(name, looks + 1)
      if (looks === 0) continue
      missing.delete(name)
      log.warn({ replica: name }, 'another daemon has left the fleet, or is silent')
    }
  }
  void (async () => {
    while (!stopped.signal.aborted) {
      const now = await members.list().catch(() => undefined)
      if (now !== undefined)
        report(now.map((each) => each.replica).filter((name) => name !== replica))
      last = now ?? last.filter(isFresh)
      await rest(clock, EVERY_MS, stopped.signal)
    }
  })()
  return { members: () => last, close: () => stopped.abort() }
}
