/**
 * Law 2, by simulation: whatever the instants at which a trainer dies and however its reads are cut, it ends where an
 * uninterrupted one ends, byte for byte. Real learner, loop, checkpoint tables and policies; tiny arithmetic.
 *
 * To repeat one world: SEED=<n> npx vitest run test/simulation/crash.test.ts; for more of them: SEEDS=<count>.
 */
import { test } from 'vitest'
import { openWorld, type World } from '../trainer/world.ts'
import { expectSameEnd, seedsBelow } from './random-deaths.ts'
import { settingOf, streamsOf, predictionsOf } from './scenario.ts'

/** In those behind the first ones a retraction means several events, which replay has in another order after a restart. */
const seeds = seedsBelow(40, 200, [220, 862])

test(
  'a trainer that dies at random instants ends like one that never died',
  { timeout: 120_000 + seeds.length * 1_000 },
  async () => {
    for (const seed of seeds) await expectSameEnd('crash.test.ts', seed, worldOf, settingOf)
  },
)

function worldOf(seed: number): World {
  const world = openWorld(streamsOf(seed))
  for (const prediction of predictionsOf(seed)) world.predictions.set(prediction.id, prediction)
  return world
}
