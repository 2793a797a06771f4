/**
 * Law 2, by simulation: whatever the instants at which a trainer dies and however its reads are cut, it ends where an
 * uninterrupted one ends, byte for byte. Real learner, loop, checkpoint tables and policies; tiny arithmetic.
 *
 * To repeat one world: SEED=<n> npx vitest run test/simulation/crash.test.ts; for more of them: SEEDS=<count>.
 */
import { env } from 'node:process'
import { expect, test } from 'vitest'
import { finalState } from '../trainer/final-state.ts'
import { openWorld, runToEnd, type World } from '../trainer/world.ts'
import { runWithCrashes } from './lives.ts'
import { settingOf, streamsOf, predictionsOf } from './scenario.ts'

const { SEED, SEEDS = '150' } = env
const seeds =
  SEED === undefined ? Array.from({ length: Number(SEEDS) }, (_, at) => at) : [Number(SEED)]

test(
  'a trainer that dies at random instants ends like one that never died',
  { timeout: 120_000 + seeds.length * 1_000 },
  async () => {
    for (const seed of seeds) {
      const reference = worldOf(seed)
      await runToEnd(reference, settingOf(seed))
      const world = worldOf(seed)
      const crashes = await runWithCrashes(world, settingOf(seed), seed)
      const repeat = `SEED=${seed} npx vitest run test/simulation/crash.test.ts (${crashes} crashes)`
      expect(finalState(world), repeat).toEqual(finalState(reference))
    }
  },
)

function worldOf(seed: number): World {
  const world = openWorld(streamsOf(seed))
  for (const prediction of predictionsOf(seed)) world.predictions.set(prediction.id, prediction)
  return world
}
