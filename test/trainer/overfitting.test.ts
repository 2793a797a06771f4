/** A line of versions that memorises its examples says so, and an update ends before it does. */
import { expect, test } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { TinyTrainable } from './tiny.ts'
import { Crash, openWorld, runToEnd, silentLog, type Setting, type World } from './world.ts'

const heldOut = { share: 0.25, rows: 40, bytes: 1e6 }
const setting: Setting = {
  lossGap: { gap: 0.2, updates: 5 },
  train: { batch: 4, replay_batch: 3, epochs: 25 },
  capacity: 8,
  limits: { heldOut, latentBytes: 100_000 },
}

/** Texts with labels by chance: nothing in them can be learned, only remembered. */
function noise(count: number): string[] {
  const random = openRandom(3, 'noise')
  const letter = () => String.fromCharCode(97 + random.below(26))
  return Array.from({ length: count }, (_, at) =>
    event({
      id: `n-${at}`,
      text: Array.from({ length: 12 }, letter).join(''),
      label: random.uniform() < 0.5 ? 'yes' : 'no',
    }),
  )
}

function lastOf(world: World) {
  return [...world.registry.versions.values()].at(-1)!.manifest
}

test('what can only be remembered is overfitted: the manifest, the status and the log warn once', async () => {
  const warnings: string[] = []
  const log: Logger = {
    ...silentLog,
    child: () => log,
    warn: (_, text) => void warnings.push(text),
  }
  const world = openWorld({ s: noise(200) })
  const status = await runToEnd(world, { ...setting, log })
  const { loss_gap } = lastOf(world)
  expect(loss_gap).toMatchObject({ from: 'held-out' })
  expect(loss_gap?.gap).toBeGreaterThan(0.2)
  expect(loss_gap?.warning).toMatch(/^overfitting: /)
  expect(status.lossGap).toEqual(loss_gap)
  expect(warnings.filter((text) => text.startsWith('overfitting'))).toHaveLength(1)
})

test('what can be learned is not: rows that no update has learned are answered as well', async () => {
  const world = openWorld({ s: lessons(200) })
  await runToEnd(world, setting)
  const { loss_gap } = lastOf(world)
  expect(Math.abs(loss_gap!.gap)).toBeLessThan(0.1)
  expect(loss_gap).not.toHaveProperty('warning')
})

test('measuring it changes nothing that is learned', async () => {
  const [measured, not] = [openWorld({ s: noise(60) }), openWorld({ s: noise(60) })]
  await runToEnd(measured, setting)
  const { lossGap: _lossGap, ...rest } = setting
  await runToEnd(not, rest)
  const { weights, remembered, steps } = finalState(measured)!
  expect(finalState(not)).toMatchObject({ weights, remembered, steps })
})

const stopping: Setting = {
  ...setting,
  train: { batch: 4, replay_batch: 3, epochs: 25, early_stop: { patience: 2 } },
}

test('an update ends when held-out rows get worse, after each example was learned once', async () => {
  const [world, whole] = [openWorld({ s: noise(200) }), openWorld({ s: noise(200) })]
  const status = await runToEnd(world, stopping)
  const all = await runToEnd(whole, setting)
  expect(status.counts.learned).toBe(all.counts.learned)
  expect(status.steps).toBeLessThan(all.steps / 2)
  expect(status.updates?.earlyStops).toBeGreaterThan(10)
  expect(lastOf(world).loss_gap!.unseen).toBeLessThan(lastOf(whole).loss_gap!.unseen)
})

interface Spoiling {
  readonly good: number
  readonly rate: number
}

/** Steps after the first `good` teach at another rate. */
class Spoilt extends TinyTrainable {
  #made = 0
  readonly #spoilt: Spoiling
  constructor(start: ConstructorParameters<typeof TinyTrainable>[0], spoilt: Spoiling) {
    super(start)
    this.#spoilt = spoilt
  }
  override step(...[rows, rate = 1]: Parameters<TinyTrainable['step']>) {
    this.#made += 1
    const { good, rate: later } = this.#spoilt
    return super.step(rows, this.#made > good ? later : rate)
  }
}

test('it ends with the weights of its best step, not with those of the steps that made it worse', async () => {
  // One update, of 24 examples in 6 steps a pass.
  const ranWith = async (good: number, epochs: number) => {
    const world = openWorld({ s: lessons(40) })
    const train = { ...stopping.train!, epochs }
    const openTrainable: Setting['openTrainable'] = (start) => new Spoilt(start, { good, rate: -3 })
    const status = await runToEnd(world, { ...stopping, train, every: 24, openTrainable })
    return { updates: status.updates, weights: finalState(world)!.weights }
  }
  const stopped = await ranWith(6, 25)
  expect(stopped.updates).toMatchObject({ count: 1, earlyStops: 1 })
  expect(stopped.weights).toEqual((await ranWith(6, 1)).weights)
  const later = await ranWith(12, 25)
  expect(later.updates).toMatchObject({ count: 1, earlyStops: 1 })
  expect(later.weights).toEqual((await ranWith(12, 2)).weights)
  // The last pass of an update that is not cut may be worse as well.
  expect((await ranWith(11, 2)).weights).not.toEqual(later.weights)
})

test('updates of one pass are never cut, and nothing is where nothing is held out', async () => {
  const once = { ...stopping, train: { ...stopping.train!, epochs: 1 } }
  const open = { ...stopping, limits: { latentBytes: 100_000 } }
  for (const each of [once, open]) {
    const status = await runToEnd(openWorld({ s: noise(60) }), each)
    expect(status.updates?.earlyStops).toBe(0)
  }
})

test('a crash changes neither the gap nor where updates end', async () => {
  const calm = openWorld({ s: noise(80) })
  await runToEnd(calm, stopping)
  const world = openWorld({ s: noise(80) })
  for (const at of [11, 9, 7]) {
    let effects = 0
    const chaos = () => {
      if ((effects += 1) === at) throw new Crash('test')
    }
    await expect(runToEnd(world, { ...stopping, chaos })).rejects.toThrow(Crash)
  }
  await runToEnd(world, stopping)
  expect(finalState(world)).toEqual(finalState(calm))
})
