/**
 * Law 2 for every replay policy: a trainer that dies at random instants ends like one that never died, with the same
 * buffer, the same kept logits and the same chance. Labels are open, so that heads grow while logits are kept.
 */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { finalState } from '../trainer/final-state.ts'
import { openWorld, runToEnd, type Setting, type World } from '../trainer/world.ts'
import { runWithCrashes } from './lives.ts'
import { seedsBelow } from './random-deaths.ts'
import { predictionsOf, settingOf, streamsOf } from './scenario.ts'

const seeds = seedsBelow(3, 12)

for (const policy of Object.keys(policies.replay))
  test(`a crash at any instant changes nothing with ${policy}`, { timeout: 120_000 }, async () => {
    let kept = 0
    for (const seed of seeds) {
      const reference = worldOf(seed)
      await runToEnd(reference, settingWith(policy, seed))
      const world = worldOf(seed)
      const crashes = await runWithCrashes(world, () => settingWith(policy, seed), seed)
      expect(crashes).toBeGreaterThan(0)
      expect(finalState(world), `seed ${seed}`).toEqual(finalState(reference))
      kept += finalState(world)!.remembered.length
    }
    if (policy !== 'none') expect(kept).toBeGreaterThan(0)
  })

/** A policy of its own for each life, bounded in every way. */
function settingWith(policy: string, seed: number): Setting {
  const bounds = { capacity: 8, bytes: 1024, per_source: 0.7 }
  const own = policy === 'gdumb' ? { passes: 2 } : {}
  return {
    ...settingOf(seed),
    labels: { open: true, known: [], limit: 6 },
    train: { batch: 3, replay_batch: 3, epochs: 1 + (seed % 2) },
    replay: openPolicy('replay', policies.replay, {
      policy,
      ...(policy !== 'none' && { ...bounds, ...own }),
    }),
  }
}

function worldOf(seed: number): World {
  const world = openWorld(streamsOf(seed))
  for (const prediction of predictionsOf(seed)) world.predictions.set(prediction.id, prediction)
  return world
}
