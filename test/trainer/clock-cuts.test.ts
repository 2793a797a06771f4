/** Law 2 for updates that the clock starts: the checkpoint names the place before anything is learned there. */
import { expect, test } from 'vitest'
import { openPolicy, type ChosenPolicy as Chosen } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { TinyTrainable } from './tiny.ts'
import {
  Crash,
  openInstantClock,
  openWorld,
  runToEnd,
  type Chaos,
  type Setting,
  type World,
} from './world.ts'

const rests: Chosen = { policy: 'count', every: 16, rest: '100ms' }

/** Of this file alone: what a world of another file waits for starts no update here. */
const clock = openInstantClock()

function runUntil(
  world: World,
  learned: number,
  chaos: Chaos = () => {},
  chosen = rests,
  setting: Setting = {},
) {
  return runToEnd(world, {
    ...setting,
    clock,
    trigger: openPolicy('trigger', policies.trigger, chosen),
    chaos,
    until: ({ state, counts }) => state === 'idle' && counts.learned === learned,
  })
}

function add(world: World, events: readonly string[]): void {
  world.streams.get('s')?.push(...events)
}

/** Ends the life in the middle of the publication of v1. */
function deathInUpdate(): Chaos {
  let publications = 0
  return (effect) => {
    if (effect === 'publish' && (publications += 1) === 4) throw new Crash(effect)
  }
}

test('one event is learned when the stream has rested', async () => {
  const world = openWorld({ s: lessons(1) })
  const status = await runUntil(world, 1)
  expect(status).toMatchObject({ pending: 0, counts: { learned: 1 } })
  expect([...world.registry.versions.keys()]).toEqual(['v0', 'v1'])
})

test('without a rest it waits for the others', async () => {
  const world = openWorld({ s: lessons(1) })
  const status = await runUntil(world, 0, () => {}, { ...rests, rest: 0 })
  expect(status).toMatchObject({ pending: 1, counts: { learned: 0 } })
})

for (const chosen of [
  rests,
  { policy: 'idle', rest_ms: 100 },
  { policy: 'interval', every_ms: 100 },
])
  test(`an update of ${chosen.policy} that a crash ended is made again where it was, whatever came since`, async () => {
    const calm = openWorld({ s: lessons(3) })
    await runUntil(calm, 3, () => {}, chosen)
    add(calm, lessons(2, 3))
    await runUntil(calm, 5, () => {}, chosen)

    const world = openWorld({ s: lessons(3) })
    await expect(runUntil(world, 3, deathInUpdate(), chosen)).rejects.toThrow(Crash)
    add(world, lessons(2, 3))
    await runUntil(world, 5, () => {}, chosen)

    const spans = [...world.registry.versions.values()].map(({ manifest }) => manifest.span.s)
    expect(spans).toEqual([undefined, { '0': ['', '3'] }, { '0': ['3', '5'] }])
    const withoutClock = (state: ReturnType<typeof finalState>) => ({
      ...state,
      progress: { ...state?.progress, trigger: undefined },
    })
    expect(withoutClock(finalState(world))).toEqual(withoutClock(finalState(calm)))
  })

test('a started update with nothing left to learn is dropped', async () => {
  const world = openWorld({ s: lessons(3) })
  await expect(runUntil(world, 3, deathInUpdate())).rejects.toThrow(Crash)
  world.store.run('DELETE FROM event_states')
  const status = await runToEnd(world)
  expect(status.counts.learned).toBe(0)
  expect(finalState(world)?.progress.cut).toBeUndefined()
})

/** It stands for a closed form: the same is learned however the examples are grouped. */
class Summing extends TinyTrainable {
  readonly learnsOnce = true
}
const sums: Setting = { openTrainable: (start) => new Summing(start) }

function learnedTo(world: World): number[] {
  const spans = [...world.registry.versions.values()].map(({ manifest }) => manifest.span.s)
  return spans.flatMap((span) => Number(span?.['0']?.[1] ?? 0))
}

test('behind a backlog an update of sums takes as many as were learned', async () => {
  const world = openWorld({ s: lessons(200) })
  await runUntil(world, 200, () => {}, rests, sums)
  expect(learnedTo(world)).toEqual([0, 16, 32, 48, 80, 128, 200])
  expect(finalState(world)?.progress.block).toBeUndefined()
})

test('without a backlog, without sums, and where only events count, it takes what the trigger says', async () => {
  const world = openWorld({ s: lessons(48) })
  await runUntil(world, 48, () => {}, rests, sums)
  for (const [chosen, setting] of [
    [{ ...rests, rest: 0 }, sums],
    [rests, {}],
  ] as const) {
    const other = openWorld({ s: lessons(192) })
    await runUntil(other, 192, () => {}, chosen, setting)
    expect(learnedTo(other)).toEqual(Array.from({ length: 13 }, (_, at) => 16 * at))
  }
  // One after the other, as at a low rate.
  for (let at = 48; at < 144; at += 16) {
    add(world, lessons(16, at))
    await runUntil(world, at + 16, () => {}, rests, sums)
  }
  expect(learnedTo(world)).toEqual([0, 16, 32, 48, 64, 80, 96, 112, 128, 144])
})

test.each([4, 5])('a crash in update %i changes no block behind a backlog', async (version) => {
  const calm = openWorld({ s: lessons(200) })
  await runUntil(calm, 200, () => {}, rests, sums)
  const world = openWorld({ s: lessons(200) })
  let publications = 0
  const death: Chaos = (effect) => {
    if (effect === 'publish' && (publications += 1) === 2 * (version + 1)) throw new Crash(effect)
  }
  await expect(runUntil(world, 200, death, rests, sums)).rejects.toThrow(Crash)
  await runUntil(world, 200, () => {}, rests, sums)
  expect(learnedTo(world)).toEqual(learnedTo(calm))
  expect(finalState(world)?.weights).toEqual(finalState(calm)?.weights)
})
