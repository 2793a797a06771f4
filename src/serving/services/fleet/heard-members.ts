/**
 * The members of the fleet as last reported, from memory. While Redis is away, the last report stays until it is old.
 */
import type { Clock } from '../../../contracts/core.ts'
import type { Member, Members } from './members.ts'

export interface HeardMembers {
  members(): readonly Member[]
  close(): void
}

const EVERY_MS = 1000
const FORGET_MS = 60_000

export function openHeardMembers(members: Pick<Members, 'list'>, clock: Clock): HeardMembers {
  const stopped = new AbortController()
  let last: readonly Member[] = []
  const isFresh = ({ seenMs }: Member) => clock.nowMs() - seenMs < FORGET_MS
  void (async () => {
    while (!stopped.signal.aborted) {
      last = await members.list().catch(() => last.filter(isFresh))
      await clock.sleep(EVERY_MS, stopped.signal).catch(() => undefined)
    }
  })()
  return { members: () => last, close: () => stopped.abort() }
}
