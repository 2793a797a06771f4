/** The accident: a burst of flipped labels, the drop in accuracy, and the one call that undoes it. */
import type { Clock } from '../../contracts/core.ts'
import { every } from './config.ts'
import type { Row } from './data.ts'
import { answers, share } from './measure.ts'
import type { DemoProgress } from './progress.ts'
import { eventOf, send, waitUntilLearned, type DemoDaemon } from './teach.ts'

export interface RolledBack {
  readonly to: string
  readonly identical: boolean
  readonly compared: number
  readonly accuracy: number
  /** Flipped labels that are not learned unless someone asks for it. */
  readonly set_aside: number
}

/** Some are learned, and the last ones wait for the next update when the rollback comes. */
const poisonedEvents = 330
const waitingEvents = poisonedEvents % every

/** Flipped labels arrive, accuracy falls, one call restores the version before them. */
export async function poisonAndRollBack(
  { daemon, clock, progress }: { daemon: DemoDaemon; clock: Clock; progress: DemoProgress },
  taught: readonly Row[],
  heldOut: readonly Row[],
): Promise<{ accepted: number; accuracy: number; rollback: RolledBack }> {
  const before = await answers(daemon, 'sentiment', heldOut)
  const good = await daemon.status('sentiment')
  progress.say(
    `a burst of ${poisonedEvents} flipped labels into sentiment, in updates of ${every}; ${waitingEvents} wait for the next`,
  )
  const flipped = taught.slice(-poisonedEvents).map((row, index) => {
    const label = row.label === 'positive' ? 'negative' : 'positive'
    return eventOf({ ...row, label }, 'sentiment', `flipped-${index}`)
  })
  const { accepted } = await send(daemon, 'sentiment', flipped)
  const learned = good.counts.learned + poisonedEvents - waitingEvents
  await waitUntilLearned(daemon, 'sentiment', learned, clock, (count) =>
    progress.update(count - good.counts.learned, poisonedEvents - waitingEvents),
  )
  const poisoned = share(await answers(daemon, 'sentiment', heldOut), heldOut, (row) => row.label)
  progress.say(`rolling back to ${good.live.version}`)
  const { live } = await daemon.rollback('sentiment', good.live.version, 'a burst of wrong labels')
  const set_aside = await untilSetAside(daemon, clock)
  const after = await answers(daemon, 'sentiment', heldOut)
  return {
    accepted,
    accuracy: poisoned,
    rollback: {
      to: live,
      identical: JSON.stringify(after) === JSON.stringify(before),
      compared: after.length,
      accuracy: share(after, heldOut, (row) => row.label),
      set_aside,
    },
  }
}

/** Waiting events are no longer learned. */
async function untilSetAside(daemon: DemoDaemon, clock: Clock): Promise<number> {
  for (;;) {
    const { pending, counts } = await daemon.status('sentiment')
    const { set_aside = 0 } = counts
    if (pending === 0 && set_aside >= waitingEvents) return set_aside
    await clock.sleep(100)
  }
}
