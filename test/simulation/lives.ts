/** Many short lives of a trainer in one world, each ended at a random effect, until one reaches the end. */
import { openRandom } from '../../src/platform/random.ts'
import { Crash, runToEnd, type Chaos, type Setting, type World } from '../trainer/world.ts'

/** Answers how many lives ended in a crash. Reads are cut at random too. A function makes a setting for each life. */
export async function runWithCrashes(
  world: World,
  setting: Setting | (() => Setting),
  seed: number,
  limit = { crashes: 60, effects: 40 },
): Promise<number> {
  const random = openRandom(seed, 'crashes')
  const readSize = () => 1 + random.below(6)
  for (let crashes = 0; ; crashes += 1) {
    const chaos = crashes < limit.crashes ? deathAfter(random.below(limit.effects)) : () => {}
    try {
      const own = typeof setting === 'function' ? setting() : setting
      await runToEnd(world, { ...own, chaos, readSize })
      return crashes
    } catch (error) {
      if (!(error instanceof Crash)) throw error
    }
  }
}

function deathAfter(effects: number): Chaos {
  let left = effects
  return (effect) => {
    left -= 1
    if (left < 0) throw new Crash(effect)
  }
}
