/** A server that rolls back by a policy: the trainer follows it as it follows a person. */
import { expect, test } from 'vitest'
import type { MoveRequest, Mover } from '../../src/versions/contract.ts'
import type { TrainerStatus } from '../../src/trainer/contract.ts'
import { lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { Crash, openWorld, runToEnd, type Setting, type World } from './world.ts'

const setting: Setting = { every: 4 }

async function move(world: World, version: string, by: Mover, asks?: MoveRequest) {
  const expect = world.registry.moves.length
  return world.registry.point({ version, expect, reason: 'answers failed', by, asks })
}

const follow: MoveRequest = { follow: true }

test('the learner is the version that is live again, and what came since is set aside', async () => {
  const world = openWorld({ s: lessons(12) })
  await runToEnd(world, setting)
  await move(world, 'v1', 'policy', follow)
  const { counts } = await runToEnd(world, setting)
  expect(counts.set_aside).toBe(8)
  world.streams.get('s')!.push(...lessons(4, 100))
  await runToEnd(world, setting)
  expect(world.registry.versions.get('v4')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
})

test('it ends where the rollback of a person ends, also with what is learned again or held', async () => {
  for (const afterRollback of ['skip', 'continue', 'hold'] as const) {
    const [first, second] = await Promise.all(
      (['rollback', 'policy'] as const).map(async (by) => {
        const world = openWorld({ s: lessons(12) })
        await runToEnd(world, { ...setting, afterRollback })
        await move(world, 'v1', by, by === 'policy' ? follow : undefined)
        world.streams.get('s')!.push(...lessons(4, 100))
        const until = ({ state, lag }: TrainerStatus) =>
          afterRollback === 'hold' ? state === 'paused' : state === 'idle' && lag === 0
        const { counts } = await runToEnd(world, { ...setting, afterRollback, until })
        const versions = [...world.registry.versions.values()].map(({ manifest }) => manifest)
        return { counts, digests: versions.map(({ digest }) => digest) }
      }),
    )
    expect(second, afterRollback).toEqual(first)
  }
})

test('a move of a trainer before this one is still none of its business', async () => {
  const world = openWorld({ s: lessons(12) })
  await runToEnd(world, setting)
  await move(world, 'v1', 'policy', { place: 4 })
  const { counts } = await runToEnd(world, setting)
  expect(counts.set_aside).toBe(0)
})

test('a crash at any effect changes nothing', async () => {
  const course = async (world: World, chaos?: (effect: string) => void) => {
    const again = async () => runToEnd(world, { ...setting, ...(chaos && { chaos }) })
    await again()
    if (!world.registry.moves.some(({ by }) => by === 'policy')) {
      await move(world, 'v1', 'policy', follow)
      world.streams.get('s')!.push(...lessons(8, 100))
    }
    await again()
  }
  const reference = openWorld({ s: lessons(12) })
  await course(reference)
  expect(reference.registry.versions.get('v4')?.manifest.parent).toBe('v1')
  for (let instant = 1; ; instant += 1) {
    const world = openWorld({ s: lessons(12) })
    let effects = 0
    const survived = await course(world, () => {
      if ((effects += 1) === instant) throw new Crash(`${instant}`)
    }).then(
      () => true,
      () => false,
    )
    if (!survived) await course(world)
    expect(finalState(world), `died at ${instant}`).toEqual(finalState(reference))
    if (survived) break
  }
}, 120_000)
