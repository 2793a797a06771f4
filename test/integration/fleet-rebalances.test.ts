/**
 * The group's partitions dealt anew, again and again, while events flow: strangers join the group and leave it, and the
 * model goes from daemon to daemon.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { administer, kafkaClient, produce } from '../services/kafka.ts'
import { latestOf } from './fleet-state.ts'
import {
  acceptedBy,
  type Fleet,
  groupOf,
  isFull,
  lessons,
  sleep,
  startFleet,
  until,
} from './fleet-world.ts'

const EVENTS = isFull ? 50_000 : 4000
const REBALANCES = isFull ? 50 : 6
const PARTITIONS = 6
const SEED = Number(process.env.ANTIKYTHERA_SEED ?? 1)

test(
  `${REBALANCES} rebalances while ${EVENTS} events flow: nothing lost, nothing doubled (ANTIKYTHERA_SEED=${SEED})`,
  { timeout: isFull ? 1_800_000 : 240_000 },
  async (context) => {
    const names = ['a', 'b', 'c']
    const { fleet, brokers, topic } = await startFleet(context, names, { partitions: PARTITIONS })
    const random = openRandom(SEED, 'rebalances')
    const chunk = Math.ceil(EVENTS / REBALANCES)
    let sent = 0
    const more = async () => {
      const count = Math.min(chunk, EVENTS - sent)
      await produce(brokers, topic, lessons(count, sent))
      sent += count
    }
    for (let done = 0; done < REBALANCES; done += 2) {
      await more()
      // One rebalance when it comes, one when it goes; or the holder dies, and another joins in its place.
      if (random.below(3) > 0) await strangerIn(brokers, topic, 200 + random.below(600))
      else await killHolder(fleet)
      await more()
      await sleep(random.below(500))
    }
    await until(async () => (await acceptedBy(fleet)) >= EVENTS, 200)
    await fleet.stop()
    const committed = await administer(brokers, (admin) =>
      admin.fetchOffsets({ groupId: groupOf([topic]), topics: [topic] }),
    )
    const { ids, positions } = latestOf(fleet.names.map((name) => join(fleet.folder, name)))
    expect(ids).toEqual({ count: EVENTS, distinct: EVENTS })
    // No commit of a generation that was over: Kafka knows no position that the checkpoint has not passed.
    for (const { partition, offset } of committed[0]!.partitions)
      expect(Number(offset)).toBeLessThanOrEqual(positionOf(positions, partition))
  },
)

/** Reads nothing and commits nothing, but takes partitions while it is there. */
async function strangerIn(brokers: readonly string[], topic: string, forMs: number): Promise<void> {
  const stranger = kafkaClient(brokers).consumer({ groupId: groupOf([topic]) })
  await stranger.connect()
  await stranger.subscribe({ topics: [topic] })
  const joined = new Promise((resolve) => {
    stranger.on(stranger.events.GROUP_JOIN, resolve)
  })
  await stranger.run({ autoCommit: false, eachBatch: async () => sleep(1) })
  await joined
  await sleep(forMs)
  await stranger.disconnect()
}

async function killHolder(fleet: Fleet): Promise<void> {
  const { models } = await fleet.view(fleet.names[0]!)
  const holder = models[0]?.lease?.holder
  if (holder === undefined) return
  await fleet.kill(holder)
  await fleet.start(holder)
}

function positionOf(positions: unknown, partition: number): number {
  const bySource = positions as Readonly<Record<string, Readonly<Record<string, string>>>>
  const [found] = Object.values(bySource).flatMap((each) =>
    Object.entries(each).filter(([name]) => name.endsWith(String(partition))),
  )
  // Behind the offset stands the topic's id.
  return Number(found?.[1].split('@')[0] ?? 0)
}
