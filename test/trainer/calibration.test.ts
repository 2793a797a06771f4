/** The temperature of the scores: part of each version, of the checkpoint, and of what a rollback restores. */
import { expect, test } from 'vitest'
import type { Fields } from '../../src/contracts/task-view.ts'
import { event } from './events.ts'
import { finalState } from './final-state.ts'
import { Crash, openWorld, runToEnd, type World } from './world.ts'

/** The label follows from the text three times in four, so that a head which learns by heart is too sure. */
function noisy(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const isYes = at % 2 === 0
    const isFlipped = (at * 7) % 4 === 0
    const text = `${isYes ? 'good fine' : 'awful bad'} ${at % 13}`
    return event({ id: `e-${at}`, label: isYes === isFlipped ? 'no' : 'yes', text })
  })
}

const manifests = (world: World) =>
  [...world.registry.versions.values()].map(({ manifest }) => manifest)
const calibrationOf = (world: World) =>
  manifests(world).map(({ facts }) => facts.calibration as Fields | undefined)

test('a version has the temperature of all that was tested before it', async () => {
  const world = openWorld({ s: noisy(200) })
  await runToEnd(world)
  // The events of v1 came before anything was learned.
  const [start, first, ...later] = calibrationOf(world)
  expect([start, first]).toEqual([undefined, undefined])
  expect(later.length).toBeGreaterThan(3)
  const events = later.map((each) => each?.events as number)
  expect(events).toEqual(events.toSorted((a, b) => a - b))
  expect(events.at(-1)).toBeGreaterThan(events[0]!)
  for (const each of later) expect(each?.temperature).toBeGreaterThan(0)
  expect(new Set(later.map((each) => each?.temperature)).size).toBe(later.length)
})

test('a crash changes nothing of it', async () => {
  const calm = openWorld({ s: noisy(160) })
  await runToEnd(calm)
  const world = openWorld({ s: noisy(160) })
  for (const at of [5, 90, 170]) {
    let effects = 0
    const chaos = () => {
      if ((effects += 1) === at) throw new Crash('test')
    }
    await expect(runToEnd(world, { chaos })).rejects.toThrow(Crash)
  }
  await runToEnd(world)
  expect(calibrationOf(world)).toEqual(calibrationOf(calm))
  expect(finalState(world)).toEqual(finalState(calm))
})
