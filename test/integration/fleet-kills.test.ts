/** SIGKILL to daemons and trainers of a fleet at random instants, while events flow. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { produce } from '../services/kafka.ts'
import { withoutFaults } from './fleet-reference.ts'
import { latestOf } from './fleet-state.ts'
import { type Fleet, hasLearned, isFull, lessons, sleep, startFleet, until } from './fleet-world.ts'

const EVENTS = isFull ? 20_000 : 2400
const EVERY = 64
const KILLS = isFull ? 100 : 8
const SEED = Number(process.env.ANTIKYTHERA_SEED ?? 1)

test(
  `${KILLS} kills among 3 daemons during ${EVENTS} events: the final weights are those of a run without (ANTIKYTHERA_SEED=${SEED})`,
  { timeout: isFull ? 1_800_000 : 240_000 },
  async (context) => {
    const { fleet, brokers, topic } = await startFleet(context, ['a', 'b', 'c'], { every: EVERY })
    const random = openRandom(SEED, 'kills')
    const chunk = Math.ceil(EVENTS / KILLS)
    for (let kill = 0; kill < KILLS; kill += 1) {
      await produce(brokers, topic, lessons(Math.min(chunk, EVENTS - kill * chunk), kill * chunk))
      await sleep(random.below(800))
      await killOne(fleet, fleet.names[random.below(3)]!, random.below(2) === 0)
    }
    await until(async () => hasLearned(fleet, { events: EVENTS, every: EVERY }), 200)
    await fleet.stop()
    const learned = latestOf(fleet.names.map((name) => join(fleet.folder, name)))
    expect(learned.ids).toEqual({ count: EVENTS, distinct: EVENTS })
    expect(learned).toEqual(await withoutFaults(brokers, topic, { events: EVENTS, every: EVERY }))
  },
)

/** Its trainer, if it has one now, or all of it. */
async function killOne(fleet: Fleet, name: string, isTrainer: boolean): Promise<void> {
  const pid = isTrainer ? (await fleet.status(name)).trainer.pid : undefined
  if (pid !== undefined && wasThere(pid)) return
  await fleet.kill(name)
  await fleet.start(name)
}

/** Killed just before, it may have ended after its daemon named it. */
function wasThere(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    return false
  }
}
