/** What becomes of the events after the version gone back to: learned again in their order, set aside, or held. */
import { describe, expect, test } from 'vitest'
import type { Rollback } from '../../src/contracts/release.ts'
import type { MoveRequest, Mover } from '../../src/versions/contract.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { packTensors } from '../../src/checkpoint/tables/states.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { Crash, openWorld, runToEnd, startIn, type Setting, type World } from './world.ts'

const setting: Setting = { every: 4 }
const going: Setting = { ...setting, afterRollback: 'continue' }

async function move(world: World, by: Mover, to?: string, asks?: MoveRequest) {
  const { moves } = world.registry
  const version = to ?? moves.at(-1)!.live.version
  return world.registry.point({ version, expect: moves.length, reason: 'a person', by, asks })
}

const saved = (world: World) => new Checkpoint(world.store, { snapshots: 50 }).load()!
const asideIn = (world: World) => saved(world).setAside.map(({ key }) => key.slice(2))
const pendingIn = (world: World) => saved(world).pending.map(({ key }) => key.slice(2))

function weightsOf(world: World, version: string): string {
  const { parameters } = world.registry.versions.get(version)!
  return Buffer.from(packTensors(parameters).blob).toString('base64')
}

/** v0 to v2 were made of eight lessons; two more are pending. */
async function taught(own: Setting = setting, count = 10) {
  const world = openWorld({ s: lessons(count) })
  await runToEnd(world, own)
  return world
}

describe('to continue', () => {
  test('learns again, in their order, what came after the version: the next one has the same weights', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1', { then: 'continue' })
    const { counts } = await runToEnd(world, setting)
    expect(counts).toMatchObject({ accepted: 10, learned: 8, set_aside: 0 })
    expect(world.registry.versions.get('v3')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
    expect(weightsOf(world, 'v3')).toBe(weightsOf(world, 'v2'))
    expect(weightsOf(world, 'v3')).not.toBe(weightsOf(world, 'v1'))
    expect(pendingIn(world)).toEqual(['e-8', 'e-9'])
  })

  test('reaches what no replay buffer holds any more', async () => {
    const world = await taught(setting, 60)
    await move(world, 'rollback', 'v1', { then: 'continue' })
    await runToEnd(world, setting)
    expect(weightsOf(world, 'v29')).toBe(weightsOf(world, 'v15'))
  })

  test('learns the records that were not read yet after them, and sets none aside', async () => {
    const world = await taught()
    world.registry.sinceMs = 15
    await move(world, 'rollback', 'v1', { then: 'continue' })
    world.streams.get('s')!.push(...lessons(6, 10))
    expect((await runToEnd(world, setting)).counts).toMatchObject({ learned: 16, set_aside: 0 })
    const straight = await taught(setting, 16)
    expect(weightsOf(world, 'v5')).toBe(weightsOf(straight, 'v4'))
  })

  test('lets an event wait for its prediction as before', async () => {
    const late = event({ id: 'late', prediction_id: 'p', label: 'no' })
    const world = openWorld({ s: [...lessons(4), late] })
    await runToEnd(world, setting)
    await move(world, 'rollback', 'v1', { then: 'continue' })
    const { counts } = await runToEnd(world, setting)
    expect(counts).toMatchObject({ waiting: 1, set_aside: 0 })
  })

  test('twice in a row is in the order of the stream too, whether or not the trainer saw both moves at once', async () => {
    const [one, two] = [await taught(going, 20), await taught(going, 20)]
    for (const world of [one, two]) {
      await move(world, 'rollback', 'v3')
      if (world === one) await die(world, 3)
      await move(world, 'rollback', 'v1')
      await runToEnd(world, going)
    }
    const straight = await taught(setting, 20)
    const last = (world: World) => [...world.registry.versions.keys()].at(-1)!
    for (const world of [one, two])
      expect(weightsOf(world, last(world))).toBe(weightsOf(straight, 'v5'))
  })

  test('takes nothing with it that an earlier rollback set aside, also when it follows at once', async () => {
    const world = await taught(setting, 20)
    await move(world, 'rollback', 'v3', { then: 'skip' })
    await move(world, 'rollback', 'v1', { then: 'continue' })
    await runToEnd(world, setting)
    expect(asideIn(world)).toEqual(lessonsFrom(12, 20))
    expect(pendingIn(world)).toEqual([])
  })

  test('is the same after a crash at any effect', async () => {
    const begun = async () => {
      const world = await taught()
      await move(world, 'rollback', 'v1', { then: 'continue' })
      world.streams.get('s')!.push(...lessons(6, 10))
      return world
    }
    const undisturbed = await begun()
    await runToEnd(undisturbed, setting)
    for (let instant = 1; ; instant += 1) {
      const world = await begun()
      if (!(await die(world, instant))) return
      await runToEnd(world, setting)
      expect(finalState(world), `died at ${instant}`).toEqual(finalState(undisturbed))
    }
  })
})

const lessonsFrom = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, at) => `e-${from + at}`)

/** False: it came to its end before. */
async function die(world: World, instant: number, own = going): Promise<boolean> {
  let effects = 0
  const chaos = () => {
    effects += 1
    if (effects === instant) throw new Crash()
  }
  try {
    await runToEnd(world, { ...own, chaos })
    return false
  } catch (error) {
    if (error instanceof Crash) return true
    throw error
  }
}

describe('after_rollback', () => {
  test('holds where the config says so, and a call may say otherwise', async () => {
    const holding: Setting = { ...setting, afterRollback: 'hold' }
    const until: Setting['until'] = ({ state }) => state === 'paused'
    const world = await taught(holding)
    await move(world, 'rollback', 'v1')
    world.streams.get('s')!.push(...lessons(4, 100))
    expect((await runToEnd(world, { ...holding, until })).lag).toBe(4)
    expect(asideIn(world)).toEqual(lessonsFrom(4, 10))
    await move(world, 'resume')
    expect((await runToEnd(world, holding)).counts).toMatchObject({ learned: 12, set_aside: 6 })
    await move(world, 'rollback', 'v0', { then: 'skip' })
    expect((await runToEnd(world, holding)).state).not.toBe('paused')
  })

  test('continue may be overruled by a call that skips', async () => {
    const world = await taught(going)
    await move(world, 'rollback', 'v1', { then: 'skip' })
    expect((await runToEnd(world, going)).counts).toMatchObject({ learned: 8, set_aside: 6 })
  })

  const back = (when: (count: number, version: string) => boolean): Rollback => ({
    decide: ({ line, version }) =>
      when(line.count, version)
        ? { verdict: 'rollback', reason: `${version} is bad` }
        : { verdict: 'keep', reason: '' },
    snapshot: () => null,
    restore: () => {},
  })

  test('continue: what a policy undid is learned again once, before the records behind it', async () => {
    const rollback = back((count, version) => count === 8 && version === 'v2')
    const world = await taught({ ...going, rollback }, 22)
    const straight = await taught(setting, 22)
    expect(asideIn(world)).toEqual([])
    expect(saved(world).progress.learned).toBe(20)
    expect(weightsOf(world, 'v6')).toBe(weightsOf(straight, 'v5'))
  })

  test('continue: where a policy goes back to the same version again, it is set aside', async () => {
    const rollback = back((count) => count === 8)
    const world = await taught({ ...going, rollback }, 22)
    const { counts } = await runToEnd(world, { ...going, rollback })
    // It finds the same of the events behind them.
    expect(counts.set_aside).toBe(16)
    expect(asideIn(world)).toEqual(lessonsFrom(4, 20))
  })

  test('hold: a policy that goes back stops learning until a person resumes', async () => {
    const rollback = back((count, version) => count === 8 && version === 'v2')
    const own: Setting = { ...setting, afterRollback: 'hold', rollback }
    const until: Setting['until'] = ({ state }) => state === 'paused'
    const world = openWorld({ s: lessons(22) })
    await runToEnd(world, { ...own, until })
    expect(saved(world).progress).toMatchObject({ paused: true, parent: 'v1' })
    await move(world, 'resume')
    expect((await runToEnd(world, own)).counts).toMatchObject({ learned: 16, set_aside: 8 })
  })
})

describe('relearn from a version', () => {
  test('takes what rollbacks to it, or to a later one, set aside, and the rest of a selection', async () => {
    const world = await taught(setting, 26)
    for (const to of ['v5', 'v3', 'v1']) {
      await move(world, 'rollback', to)
      await runToEnd(world, setting)
    }
    expect(asideIn(world)).toHaveLength(22)
    const selection = { from: 'v3', label: 'yes' }
    await move(world, 'relearn', undefined, { selection })
    await runToEnd(world, setting)
    expect(asideIn(world).length).toBe(22 - 7)
    await move(world, 'relearn', undefined, { selection: { from: 'v3' } })
    await runToEnd(world, setting)
    // To v1 went what v2 and v3 had learned.
    expect(asideIn(world)).toEqual(lessonsFrom(4, 12))
    await move(world, 'relearn', undefined, { selection: { from: 'v2' } })
    await runToEnd(world, setting)
    expect(asideIn(world)).toHaveLength(8)
  })

  test('knows it after a restart, and for records that the rollback found unread', async () => {
    const world = await taught()
    world.registry.sinceMs = 15
    await move(world, 'rollback', 'v2')
    world.streams.get('s')!.push(...lessons(6, 10))
    const running = startIn(world, setting)
    await running.readAll()
    await running.stop()
    expect(saved(world).setAside.map(({ goneTo }) => goneTo)).toEqual(Array(8).fill('v2'))
    await move(world, 'relearn', undefined, { selection: { from: 'v3' } })
    await runToEnd(world, setting)
    expect(asideIn(world)).toHaveLength(8)
    await move(world, 'relearn', undefined, { selection: { from: 'v2' } })
    await runToEnd(world, setting)
    expect(asideIn(world)).toEqual([])
  })
})
