/** Bias of a line of versions: slices that are served worse than others hold candidates, and the manifest names them. */
import { expect, test } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { event } from './events.ts'
import { finalState } from './final-state.ts'
import { Crash, openWorld, runToEnd, type Setting, type World } from './world.ts'

const promotion = openPolicy('promotion', policies.promotion, {
  policy: 'slice-gap',
  max_points: 20,
})
const setting: Setting = {
  promotion,
  limits: { quality: { rows: 8, sources: 8, slices: 8, sliceExamples: 40 } },
}

/** `eu` can be learned; the labels of `us` say the same word both ways, so that half of its answers are wrong. */
function biased(count: number): string[] {
  return Array.from({ length: count }, (_, at) => {
    const isYes = at % 2 === 0
    const easy = { text: isYes ? 'good fine' : 'awful bad', slice: 'eu' }
    const noisy = { text: 'hello', slice: 'us' }
    const slice = at % 4 < 2 ? easy : noisy
    return event({ id: `e-${at}`, label: isYes ? 'yes' : 'no', ...slice })
  })
}

function manifests(world: World) {
  return [...world.registry.versions.values()].map(({ manifest }) => manifest)
}

test('candidates are held from the example on that makes the gap certain, and learning goes on', async () => {
  const world = openWorld({ s: biased(400) })
  const status = await runToEnd(world, setting)
  const all = manifests(world)
  expect(all.find(({ slice_gap }) => slice_gap)?.events).toBeGreaterThanOrEqual(76)
  expect(all.at(1)?.decision).toBe('promote')
  const last = all.at(-1)!
  expect(last).toMatchObject({ decision: 'hold', slice_gap: { best: 'eu', worst: 'us' } })
  expect(last.slice_gap!.low).toBeGreaterThan(20)
  expect(last.reason).toContain('“us”')
  expect(status.counts.learned).toBe(400)
})

test('without slices in its events a model has no gap', async () => {
  const world = openWorld({ s: biased(400).map((text) => text.replace(/,"slice":"\w+"/, '')) })
  await runToEnd(world, setting)
  for (const manifest of manifests(world)) {
    expect(manifest).not.toHaveProperty('slice_gap')
    expect(manifest.decision).toBe('promote')
  }
})

test('a crash changes nothing of it', async () => {
  const calm = openWorld({ s: biased(240) })
  await runToEnd(calm, setting)
  const world = openWorld({ s: biased(240) })
  for (const at of [7, 150, 301]) {
    let effects = 0
    const chaos = () => {
      if ((effects += 1) === at) throw new Crash('test')
    }
    await expect(runToEnd(world, { ...setting, chaos })).rejects.toThrow(Crash)
  }
  await runToEnd(world, setting)
  expect(finalState(world)).toEqual(finalState(calm))
})
