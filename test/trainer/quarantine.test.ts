/** The defence in the trainer: what is kept back, what releases it, and that a crash changes nothing of it (law 2). */
import { describe, expect, test, vi } from 'vitest'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { eventStates } from '../../src/checkpoint/event-log/states.ts'
import type { Example } from '../../src/contracts/example.ts'
import { Dedupe } from '../../src/intake/dedupe/dedupe.ts'
import { keepBack } from '../../src/trainer/admission/quarantine.ts'
import { identified } from '../example-key.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { EventLogTable } from '../../src/checkpoint/event-log/table.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { DefenceSettings } from '../../src/learner/defence/settings.ts'
import { SetAside } from '../../src/checkpoint/set-aside-events.ts'
import type { ExampleKey } from '../../src/contracts/core.ts'
import { runWithCrashes } from '../simulation/lives.ts'
import { event } from './events.ts'
import { placeOf, tinyKnnMemory } from '../learner/tiny-knn-memory.ts'
import { finalState } from './final-state.ts'
import { poisoned, type PoisonPlan } from './poison-events.ts'
import { TinyTrainable } from './tiny.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

vi.setConfig({ testTimeout: 120_000 })

const defence: DefenceSettings = {
  maxShare: 0.2,
  fromSources: 5,
  trusted: [],
  maxWeight: 1,
  maxUpdate: 100,
  quarantines: true,
  sources: 100,
}
const settingOf = (own: Partial<DefenceSettings> = {}): Setting => ({
  every: 8,
  capacity: 200,
  train: { batch: 8, replay_batch: 8, epochs: 1 },
  defence: { ...defence, ...own },
})

/** Has weights that examples can be taken out of, as sums have. */
class SubtractingTiny extends TinyTrainable {
  readonly forget = () => {}
}

const worldOf = (plan: PoisonPlan) => openWorld({ s: poisoned(plan) })
const saved = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!
const keptBackIn = (world: World) =>
  saved(world).setAside.map(({ key, was }) => ({ source: key.split('\0')[0], was }))
const learnedOf = (world: World, source: string) =>
  saved(world).remembered.filter((each) => each.source === source).length

describe('one hostile source', () => {
  test('with nine tenths of the volume teaches next to nothing, and the honest ones teach nearly all', async () => {
    const world = worldOf({ honest: 160, hostile: 9 })
    const { counts, defence: report } = await runToEnd(world, settingOf())
    expect(report!.distrusted).toContainEqual({ source: 'hostile', trust: 0 })
    expect(report!.keptBack.hostile).toBeGreaterThan(500)
    const hostile = keptBackIn(world).filter(({ source }) => source === 'hostile').length
    expect(hostile).toBeGreaterThan(1300)
    expect(counts.quarantined).toBe(keptBackIn(world).length)
    expect(counts.quarantined! - hostile).toBeLessThan(32)
    expect(counts.accepted).toBe(1600)
    // It loses what it taught before it was recognised, and the weights begin again without it.
    expect(learnedOf(world, 'hostile')).toBe(0)
    const reasons = [...world.registry.versions.values()].map(({ manifest }) => manifest.reason)
    const began = reasons.findIndex((reason) => reason.includes('began again'))
    expect(began).toBeGreaterThan(0)
    expect(reasons.filter((reason) => reason.includes('began again'))).toHaveLength(1)
    const states = [...saved(world).setAside].filter(({ key }) => key.startsWith('hostile'))
    expect(new Set(states.map(({ was }) => was)).has('hostile')).toBe(true)
  })

  test('leaves no expert of a mixture what it taught, where the adapter itself subtracts it', async () => {
    const world = worldOf({ honest: 60, hostile: 9 })
    const embed = ({ data }: { readonly data: Float32Array }) => placeOf({ data })
    const mixture = { policy: 'mixture' }
    const compared = {
      ...{ width: 8, squareLength: 1, keep: embed, statisticsOf: () => new Map() },
      place: (kept: readonly Float32Array[]) => kept,
    }
    await runToEnd(world, {
      ...settingOf(),
      openTrainable: (start) => new SubtractingTiny(start),
      knnMemory: {
        ...tinyKnnMemory(),
        policy: openPolicy('memory', policies.memory, mixture),
        compared,
      },
    })
    const { weights, remembered } = saved(world)
    const taught = weights.tensors.get('mixture/closed_form/sums/counts')!.data
    expect(taught.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(remembered.length)
    const reasons = [...world.registry.versions.values()].map(({ manifest }) => manifest.reason)
    expect(
      reasons.filter((reason) => reason.includes('experts beside the adapter began again')),
    ).toHaveLength(1)
    expect(reasons.filter((reason) => reason.includes('of its length'))).toEqual([])
  })

  test('teaches no more than an equal part while nothing can judge it', async () => {
    const world = worldOf({ honest: 40, sources: 3, hostile: 9 })
    await runToEnd(world, settingOf())
    const early = learnedOf(world, 'hostile')
    expect(early).toBeGreaterThan(0)
    expect(early).toBeLessThan(27)
    const alone = worldOf({ honest: 40, sources: 1 })
    await runToEnd(alone, settingOf())
    expect(learnedOf(alone, 's0')).toBe(40)
  })

  test('is contained among two sources where the other one is trusted', async () => {
    const world = worldOf({ honest: 160, sources: 1, hostile: 9 })
    const { defence: report } = await runToEnd(world, settingOf({ trusted: ['s0'] }))
    expect(report!.distrusted).toEqual([{ source: 'hostile', trust: 0 }])
    expect(learnedOf(world, 'hostile')).toBeLessThan(0.3 * learnedOf(world, 's0'))
    const open = worldOf({ honest: 160, sources: 1, hostile: 9 })
    await runToEnd(open, { ...settingOf(), defence: undefined as never })
    expect(learnedOf(open, 'hostile')).toBeGreaterThan(3 * learnedOf(open, 's0'))
  })
})

describe('made-up names', () => {
  const taughtBy = (world: World) =>
    saved(world).remembered.filter(({ source }) => source.startsWith('x')).length

  test.each([1, 20, Infinity])(
    'teach next to nothing beside a trusted source (%d of them)',
    async (names) => {
      const world = worldOf({ honest: 120, sources: 1, hostile: 9, names })
      const { defence: report } = await runToEnd(world, settingOf({ trusted: ['s0'] }))
      expect(learnedOf(world, 's0')).toBeGreaterThan(115)
      expect(taughtBy(world)).toBe(0)
      expect(report!.newcomers).toBe(0)
      expect(report!.majority).toBeUndefined()
    },
  )

  test.each([7, 20, Infinity])(
    'do not outvote three sources that were there before (%d of them)',
    async (names) => {
      const world = worldOf({ honest: 150, sources: 3, hostile: 15, names, from: 90 })
      const { defence: report } = await runToEnd(world, settingOf())
      expect(taughtBy(world)).toBeLessThan(6)
      expect(report!.newcomers).toBeLessThan(0.2)
      // One in four voices: nothing shows for sure which side is right.
      expect(report!.majority).toBe('untrusted')
      expect(report!.distrusted.filter(({ source }) => source.startsWith('s'))).toEqual([])
    },
  )

  test('of honest people wait until some of them have agreed with those that were there before', async () => {
    const plan = { honest: 120, sources: 3, hostile: 1, names: Infinity, from: 70, areRight: true }
    const world = worldOf(plan)
    const { defence: report } = await runToEnd(world, settingOf())
    expect(taughtBy(world)).toBeGreaterThan(35)
    expect(report!.newcomers).toBeUndefined()
    expect(report!.majority).toBeUndefined()
  })

  test('that are most from the beginning are an untrusted majority, until a person trusts a source', async () => {
    const plan = { honest: 120, sources: 3, hostile: 3, names: 7 }
    const open = await runToEnd(worldOf(plan), settingOf())
    expect(open.defence!.majority).toBe('untrusted')
    const reviewed = worldOf(plan)
    const trusted = ['s0', 's1']
    const { defence: report } = await runToEnd(reviewed, settingOf({ trusted }))
    expect(report!.majority).toBeUndefined()
    expect(taughtBy(reviewed)).toBe(0)
  })
})

test('without poison nearly nothing is kept back, and what was over a share is learned later', async () => {
  const world = worldOf({ honest: 600, sources: 5 })
  const { defence: report, counts } = await runToEnd(world, settingOf())
  expect(report!.distrusted).toEqual([])
  expect(counts.quarantined).toBeLessThan(30)
  expect(counts.learned + counts.quarantined! + 8).toBeGreaterThanOrEqual(600)
})

test('when the labels of all sources turn, what they say now is learned', async () => {
  const surprised = await runToEnd(worldOf({ honest: 360, turnsAt: 300 }), settingOf())
  expect(surprised.counts.quarantined).toBeGreaterThan(15)
  const world = worldOf({ honest: 500, turnsAt: 300 })
  const { counts } = await runToEnd(world, settingOf())
  expect(counts.quarantined).toBeLessThan(70)
  expect(counts.learned).toBeGreaterThan(425)
})

test('an event weighs no more than the config says, unless its source is trusted', async () => {
  const weighty = (id: string, source: string) =>
    event({ id, source, text: 'good fine', label: 'yes', weight: 50 })
  const world = openWorld({ s: [weighty('a', 's0'), weighty('b', 's1'), weighty('c', 's2')] })
  await runToEnd(world, settingOf({ trusted: ['s1'], maxShare: 1, maxWeight: 3 }))
  const rows = [...new EventLogTable(world.store).rows(0, 9)]
  expect(rows.map(({ example }) => example?.weight)).toEqual([3, 50, 3])
})

test('the receipt of what is kept back says why', async () => {
  const world = worldOf({ honest: 100 })
  await runToEnd(world, settingOf({ unreviewedDaily: 40 }))
  const note = {
    code: 'over-daily',
    message: 'sources without a review have taught all that they may today',
  }
  const rows = [...new EventLogTable(world.store).rows(0, 1000)]
  const late = rows.filter((row) => row.note?.code === 'over-daily')
  expect(late.length).toBeGreaterThan(40)
  expect(late.at(-1)).toMatchObject({ note })
})

test('what is kept back leaves an earlier signal of its event that waits for the next update', () => {
  const dedupe = new Dedupe(() => [], Infinity)
  const log = new EventLog({
    ...{ limits: { events: 10, bytes: 1e6 }, sizeOf: () => 8, isKnown: () => false },
    hashOf: (key) => dedupe.hashOf(key),
    stored: { rows: () => [], traces: () => [] },
  })
  const [one, other] = [exampleOf('e-1'), exampleOf('e-2')]
  log.add({ key: one.key, example: one, state: eventStates.pending })
  const letters = { add: vi.fn() }
  const parts = { log, letters, progress: { count: vi.fn() }, task: classificationOf() } as never
  const room = { events: 1, bytes: 1e6 }
  const setAside = new SetAside(room, room)
  keepBack(one, 'outlier', { ...(parts as object), setAside } as never)
  keepBack(other, 'outlier', { ...(parts as object), setAside } as never)
  expect(letters.add).toHaveBeenCalledTimes(1)
  expect(log.stateOf(one.key)).toBe(eventStates.pending)
  expect(log.stateOf(other.key)).toBe(eventStates.quarantined)
})

const exampleOf = (id: string): Example => ({
  ...identified('desk', id),
  encoded: { data: Float32Array.of(1) },
  target: { kind: 'label', label: 'yes' },
  weight: 1,
})

test('sources without a review teach as many events a day as the config says', async () => {
  const world = worldOf({ honest: 100 })
  const setting = settingOf({ unreviewedDaily: 40, trusted: ['s0'], maxShare: 1 })
  await runToEnd(world, setting)
  const late = keptBackIn(world).filter(({ was }) => was === 'over-daily')
  const trusted = poisoned({ honest: 100 }).filter((each) => each.includes('"s0"')).length
  expect(late).toHaveLength(100 - trusted - 40)
  expect(late.filter(({ source }) => source === 's0')).toEqual([])
})

test('a full quarantine lets its oldest go to the dead letters, and leaves the rest alone', async () => {
  const world = worldOf({ honest: 60, hostile: 9 })
  const limits = { quarantine: { events: 20, bytes: 1e6 }, setAside: { events: 1, bytes: 1e6 } }
  const { counts } = await runToEnd(world, { ...settingOf(), limits })
  expect(counts.quarantined).toBe(20)
  const codes = new Set([...world.letters.values()].map(({ code }) => code))
  expect([...codes]).toEqual(['QUARANTINE_FULL'])
  expect(counts.rejected).toBe(world.letters.size)
})

test('an update that goes too far is scaled back, and its version says so', async () => {
  const reasonsOf = async (maxUpdate: number) => {
    const world = worldOf({ honest: 320, turnsAt: 240 })
    await runToEnd(world, settingOf({ maxUpdate, quarantines: false }))
    return [...world.registry.versions.values()].map(({ manifest }) => manifest.reason)
  }
  const scaled = (reasons: readonly string[]) =>
    reasons.filter((reason) => reason.includes('of its length')).length
  expect(scaled(await reasonsOf(100))).toBe(0)
  const reasons = await reasonsOf(0.02)
  expect(scaled(reasons)).toBeGreaterThan(2)
  expect(reasons.join()).toMatch(/scaled back to \.\d\d of its length/)
})

describe('a person', () => {
  const ask = async (world: World, by: 'relearn' | 'discard', selection: object) => {
    const { moves } = world.registry
    const { version } = moves.at(-1)!.live
    const move = { version, expect: moves.length, reason: 'seen', by, asks: { selection } }
    await world.registry.point(move as Parameters<typeof world.registry.point>[0])
  }

  test('releases what is in quarantine, and it is learned', async () => {
    const world = worldOf({ honest: 100 })
    const setting = settingOf({ unreviewedDaily: 40 })
    const before = (await runToEnd(world, setting)).counts.quarantined!
    expect(before).toBeGreaterThan(50)
    await ask(world, 'relearn', {})
    expect((await runToEnd(world, setting)).counts.quarantined).toBe(before)
    await ask(world, 'relearn', { quarantined: true, source: 's1' })
    const after = await runToEnd(world, setting)
    expect(after.counts.quarantined).toBeLessThan(before)
    expect(keptBackIn(world).filter(({ source }) => source === 's1')).toEqual([])
  })

  test.each(['rollback', 'promote'] as const)(
    'does not empty it by a %s to a version published after it: no version has learned it',
    async (by) => {
      const world = worldOf({ honest: 100 })
      const setting = settingOf({ unreviewedDaily: 10, trusted: ['s0'], maxShare: 1 })
      await runToEnd(world, setting)
      const before = keptBackIn(world)
      expect(before.length).toBeGreaterThan(50)
      const { moves } = world.registry
      const { version } = moves.at(-2)!.live
      await world.registry.point({ version, expect: moves.length, reason: 'a person', by })
      const { counts } = await runToEnd(world, setting)
      expect(keptBackIn(world).filter(({ was }) => was === 'over-daily')).toEqual(before)
      expect(counts.quarantined).toBe(before.length)
    },
  )

  test('drops it for good', async () => {
    const world = worldOf({ honest: 100 })
    const setting = settingOf({ unreviewedDaily: 40 })
    await runToEnd(world, setting)
    await ask(world, 'discard', { quarantined: true })
    const { counts } = await runToEnd(world, setting)
    expect(counts).toMatchObject({ quarantined: 0, learned: 40 })
  })
})

test('what is released has the same order after a restart: that in which it was kept back', () => {
  const aside = new SetAside({ events: 9, bytes: 1e6 })
  const add = (id: string) =>
    aside.add({
      key: id as ExampleKey,
      was: 'over-share',
      what: {
        kind: 'example',
        example: { encoded: { data: new Float32Array(1) } },
      },
    } as Parameters<SetAside['add']>[0])
  for (const id of ['a', 'b', 'c']) add(id)
  aside.release(aside.entries.filter(({ key }) => key !== 'a'))
  aside.release(aside.entries.filter(({ key }) => key === 'a'))
  const again = new SetAside({ events: 9, bytes: 1e6 })
  again.restore(structuredClone(aside.entries), 3)
  for (const each of [aside, again]) expect(each.nextDue()?.key).toBe('a')
})

test('a trainer that dies at random instants keeps back and learns the same', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const plan = {
      ...{ honest: 120, hostile: seed % 3, flips: 0.1, turnsAt: seed > 3 ? 70 : 999, seed },
      ...(seed > 2 && { names: seed === 5 ? Infinity : 20 }),
    }
    const own = seed % 2 === 0 ? { maxUpdate: 0.05 } : { trusted: ['s1'], unreviewedDaily: 90 }
    const reference = worldOf(plan)
    await runToEnd(reference, settingOf(own))
    const world = worldOf(plan)
    await runWithCrashes(world, settingOf(own), seed)
    expect(finalState(world), `seed ${seed}`).toEqual(finalState(reference))
  }
}, 120_000)
