/**
 * The daemon that trains is stopped past its lease and continued, again and again, while events flow: another takes over,
 * what the first writes late is refused, and the learner ends as one that nobody stopped.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { produce } from '../services/kafka.ts'
import { withoutFaults } from './fleet-reference.ts'
import { latestOf } from './fleet-state.ts'
import { type Fleet, isFull, lessons, sleep, startFleet, until } from './fleet-world.ts'

const STOPS = isFull ? 100 : 4
const EVENTS = STOPS * 100
const EVERY = 16
const LEASE_MS = 1000

test(
  `stopped past its lease and continued, ${STOPS} times: one writer at a time, and nothing learned twice`,
  { timeout: 60_000 + STOPS * 30_000 },
  async (context) => {
    const options = { leaseMs: LEASE_MS, every: EVERY }
    const { fleet, brokers, topic } = await startFleet(context, ['a', 'b'], options)
    const epochs: number[] = []
    for (let stop = 0; stop < STOPS; stop += 1) {
      const { holder, epoch } = await holderOf(fleet, fleet.names)
      epochs.push(epoch)
      await produce(brokers, topic, lessons(EVENTS / STOPS, (stop * EVENTS) / STOPS))
      const continued = await freeze(fleet, holder)
      const others = fleet.names.filter((name) => name !== holder)
      await until(async () => (await holderOf(fleet, others)).holder !== holder)
      continued()
    }
    // Of the holder: another one may have accepted what it was too late to save.
    await until(async () => (await learnedByHolder(fleet)) >= EVENTS, 200)
    await fleet.stop()
    expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b))
    const learned = latestOf(fleet.names.map((name) => join(fleet.folder, name)))
    expect(learned.ids).toEqual({ count: EVENTS, distinct: EVENTS })
    expect(learned).toEqual(await withoutFaults(brokers, topic, { events: EVENTS, every: EVERY }))
  },
)

async function learnedByHolder(fleet: Fleet): Promise<number> {
  const { holder } = await holderOf(fleet, fleet.names)
  return (await fleet.status(holder)).counts.learned
}

async function holderOf(fleet: Fleet, asked: readonly string[]) {
  for (;;) {
    for (const name of asked) {
      const view = await fleet.view(name).catch(() => undefined)
      const lease = view?.models[0]?.lease
      // Just continued, it may not reach Redis yet and tell of a lease that it has lost.
      if (lease && view.problem === undefined) return lease
    }
    await sleep(50)
  }
}

/** Its server and its trainer, wherever they are in what they do; answers how to let them go on. */
async function freeze(fleet: Fleet, name: string): Promise<() => void> {
  const { pid } = (await fleet.status(name)).trainer
  const pids = [fleet.pid(name), ...(pid === undefined ? [] : [pid])]
  for (const each of pids) process.kill(each, 'SIGSTOP')
  return () => {
    for (const each of pids) process.kill(each, 'SIGCONT')
  }
}
