/** Steps on kept examples while the stream rests: once after what was learned, recorded before they are made (law 2). */
import { expect, test } from 'vitest'
import { lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { Crash, openWorld, runToEnd, type Chaos, type World } from './world.ts'

const train = { batch: 4, replay_batch: 3, epochs: 1, rest_steps: 2 }

async function rest(world: World, versions: number, chaos: Chaos = () => {}, own = train) {
  return runToEnd(world, {
    ...{ train: own, chaos },
    until: ({ state }) => state === 'idle' && world.registry.versions.size === versions,
  })
}

const manifests = (world: World) =>
  [...world.registry.versions.values()].map(({ manifest }) => manifest)

test('steps follow an update once the stream rests, as a version of their own', async () => {
  const world = openWorld({ s: lessons(4) })
  const status = await rest(world, 3)
  expect(status.counts.learned).toBe(4)
  expect(manifests(world).map(({ events_new, steps, span }) => [events_new, steps, span])).toEqual([
    [0, 0, {}],
    [4, 1, { s: { '0': ['', '4'] } }],
    [0, 3, {}],
  ])
  expect(manifests(world)[2]?.reason).toMatch(/^2 steps on kept examples/)
})

test('none follow before anything else was learned, in this life or the next', async () => {
  const world = openWorld({ s: lessons(4) })
  await rest(world, 3)
  await rest(world, 3)
  world.streams.get('s')?.push(...lessons(2, 4))
  expect((await rest(world, 3)).pending).toBe(2)
  world.streams.get('s')?.push(...lessons(2, 6))
  const status = await rest(world, 5)
  expect(status.counts.learned).toBe(8)
  expect(manifests(world).map(({ steps }) => steps)).toEqual([0, 1, 3, 4, 6])
})

test('steps that a crash ended are made again where they were, whatever came since', async () => {
  const calm = openWorld({ s: lessons(4) })
  await rest(calm, 3)
  calm.streams.get('s')?.push(...lessons(4, 4))
  await rest(calm, 5)

  let publications = 0
  const die: Chaos = (effect) => {
    // Before and after v0 and v1, then before v2.
    if (effect === 'publish' && (publications += 1) === 5) throw new Crash(effect)
  }
  const world = openWorld({ s: lessons(4) })
  await expect(rest(world, 3, die)).rejects.toThrow(Crash)
  world.streams.get('s')?.push(...lessons(4, 4))
  await rest(world, 5)
  expect(finalState(world)).toEqual(finalState(calm))
  expect(finalState(world)?.progress.rehearsal).toBeUndefined()
})

test('without a setting there are none', async () => {
  const world = openWorld({ s: lessons(4) })
  await rest(world, 2, () => {}, { ...train, rest_steps: 0 })
  expect(manifests(world).map(({ steps }) => steps)).toEqual([0, 1])
})
