/** Law 2 in one world: a trainer that dies at random instants against one that never dies. */
import { env } from 'node:process'
import { expect } from 'vitest'
import { finalState } from '../trainer/final-state.ts'
import { runToEnd, type Setting, type World } from '../trainer/world.ts'
import { runWithCrashes } from './lives.ts'

/**
 * The seeds below `few`, with `ANTIKYTHERA_FAULTS=full` below `many`, or below SEEDS, and those that are known to tell something;
 * only SEED, to repeat one world.
 */
export function seedsBelow(few: number, many = few, telling: readonly number[] = []) {
  const { SEED, ANTIKYTHERA_FAULTS, SEEDS = ANTIKYTHERA_FAULTS === 'full' ? many : few } = env
  if (SEED !== undefined) return [Number(SEED)]
  return [...new Set([...Array.from({ length: Number(SEEDS) }, (_, at) => at), ...telling])]
}

/** Fails unless both end the same, byte for byte; `file` is the test to repeat. Returns the world without a crash. */
export async function expectSameEnd(
  file: string,
  seed: number,
  worldOf: (seed: number) => World,
  settingOf: (seed: number) => Setting,
  limit?: Parameters<typeof runWithCrashes>[3],
): Promise<World> {
  const reference = worldOf(seed)
  await runToEnd(reference, settingOf(seed))
  const world = worldOf(seed)
  const crashes = await runWithCrashes(world, settingOf(seed), seed, limit)
  const repeat = `SEED=${seed} npx vitest run test/simulation/${file} (${crashes} crashes)`
  expect(finalState(world), repeat).toEqual(finalState(reference))
  return reference
}
