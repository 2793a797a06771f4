/** Law 11: after a rollback nothing that was accepted before it teaches again unless a person asks for it. */
import { describe, expect, test } from 'vitest'
import type { Rollback } from '../../src/contracts/release.ts'
import type { MoveRequest, Mover } from '../../src/versions/contract.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { event, labelled, lessons } from './events.ts'
import { openWorld, runToEnd, startIn, type Setting, type World } from './world.ts'

const setting: Setting = { every: 4 }

async function move(world: World, by: Mover, to?: string, asks?: MoveRequest) {
  const { moves } = world.registry
  const version = to ?? moves.at(-1)!.live.version
  return world.registry.point({ version, expect: moves.length, reason: 'a person', by, asks })
}

const saved = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!
const asideIn = (world: World) =>
  saved(world).setAside.map(({ key, was }) => `${key.replace('\0', ' ')} ${was}`)
const countsOf = async (world: World, own: Setting = setting) => (await runToEnd(world, own)).counts

/** v0 to v2 were made of eight lessons; two more are pending. */
async function taught(own: Setting = setting) {
  const world = openWorld({ s: lessons(10) })
  await runToEnd(world, own)
  return world
}

describe('what a rollback leaves behind', () => {
  test('what was pending, and what was learned since, is set aside and never learned', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    expect(await countsOf(world)).toMatchObject({ accepted: 10, learned: 8, set_aside: 6 })
    expect(asideIn(world)).toEqual([
      ...[4, 5, 6, 7].map((at) => `s e-${at} undone`),
      ...[8, 9].map((at) => `s e-${at} pending`),
    ])
    expect(saved(world).remembered.map(({ key }) => key.slice(2))).toEqual([
      'e-0',
      'e-1',
      'e-2',
      'e-3',
    ])
    world.streams.get('s')!.push(...lessons(4, 100))
    expect(await countsOf(world)).toMatchObject({ learned: 12, set_aside: 6 })
    expect(
      saved(world)
        .remembered.map(({ key }) => key.slice(2))
        .toSorted(),
    ).toEqual(['e-0', 'e-1', 'e-2', 'e-3', 'e-100', 'e-101', 'e-102', 'e-103'].toSorted())
  })

  test('records that were there and not read are set aside, later ones are learned', async () => {
    const world = await taught()
    // At its time the stream has 16 records; the transport takes one each millisecond.
    world.registry.sinceMs = 15
    await move(world, 'rollback', 'v2')
    world.streams.get('s')!.push(...lessons(6, 10), ...lessons(4, 100))
    expect(await countsOf(world)).toMatchObject({ accepted: 20, learned: 12, set_aside: 8 })
    expect(asideIn(world).slice(2)).toEqual(
      [10, 11, 12, 13, 14, 15].map((at) => `s e-${at} unread`),
    )
    expect(world.registry.versions.get('v3')?.manifest).toMatchObject({ parent: 'v2', events: 12 })
  })

  test('a crash in the middle of them changes nothing', async () => {
    const world = await taught()
    world.registry.sinceMs = 15
    await move(world, 'rollback', 'v2')
    world.streams.get('s')!.push(...lessons(6, 10), ...lessons(4, 100))
    let saves = 0
    const chaos = (effect: string) => {
      if (effect === 'checkpoint' && (saves += 1) === 9) throw new Error('the process is gone')
    }
    await runToEnd(world, { ...setting, chaos, limits: { records: 2 } }).catch(() => undefined)
    expect(saved(world).progress.barrier).toMatchObject({ untilMs: 15 })
    expect(await countsOf(world)).toMatchObject({ accepted: 20, learned: 12, set_aside: 8 })
  })

  test('the records that a source without times has then are set aside by their count', async () => {
    const world = await taught()
    const timeless: Setting = { ...setting, timeless: true }
    await move(world, 'rollback', 'v2')
    world.streams.get('s')!.push(...lessons(6, 10))
    expect(await countsOf(world, timeless)).toMatchObject({ learned: 8, set_aside: 8 })
    world.streams.get('s')!.push(...lessons(4, 100))
    expect(await countsOf(world, timeless)).toMatchObject({ learned: 12, set_aside: 8 })
  })

  test('when all was read, a record with an old time is a new one', async () => {
    const world = await taught()
    world.registry.sinceMs = 1_000_000
    await move(world, 'rollback', 'v2')
    expect(await countsOf(world)).toMatchObject({ set_aside: 2 })
    expect(saved(world).progress.barrier).toBeNull()
    world.streams.get('s')!.push(...lessons(4, 100))
    expect(await countsOf(world)).toMatchObject({ learned: 12, set_aside: 2 })
  })

  test('an event that waited for its prediction is set aside too', async () => {
    const world = openWorld({
      s: [...lessons(4), event({ id: 'late', prediction_id: 'p', label: 'no' })],
    })
    await runToEnd(world, setting)
    await move(world, 'rollback', 'v1')
    await runToEnd(world, setting)
    expect(asideIn(world)).toEqual(['s late waiting'])
    world.predictions.set('p', {
      ...{ id: 'p', version: 'v0', answer: 'no', timeMs: 0 },
      input: { kind: 'text', text: 'bad' },
    })
    expect(await countsOf(world)).toMatchObject({ waiting: 0, set_aside: 1 })
    await move(world, 'relearn')
    const status = await runToEnd(world, setting)
    expect(status).toMatchObject({ pending: 1, counts: { accepted: 5, set_aside: 0 } })
  })

  test('a version without a snapshot leaves all that came after it behind, in its order', async () => {
    const world = openWorld({ s: lessons(24) })
    await runToEnd(world, { ...setting, keepVersions: 2 })
    await move(world, 'rollback', 'v1')
    const { counts } = await runToEnd(world, { ...setting, keepVersions: 2 })
    expect(counts).toMatchObject({ learned: 24, set_aside: 20 })
    const order = Array.from({ length: 20 }, (_, at) => `s e-${at + 4} undone`)
    expect(asideIn(world)).toEqual(order)
    expect(saved(world).remembered).toEqual([])
  })

  test('where the event log is too short, all that is rehearsed is left behind', async () => {
    const world = openWorld({ s: lessons(24) })
    const limits = { eventLog: { events: 1, bytes: 1e6 } }
    await runToEnd(world, { ...setting, limits, keepVersions: 2 })
    await move(world, 'rollback', 'v1')
    const { counts } = await runToEnd(world, { ...setting, limits, keepVersions: 2 })
    // The ten of replay, and the newest of all, which is the one that the log still has.
    expect(counts.set_aside).toBe(11)
    expect(saved(world).remembered).toEqual([])
  })

  test('after a change of method only what came after the version is set aside, not all that the method before had learned', async () => {
    const ranked = (rank: number): Setting => ({
      ...setting,
      adapter: { method: 'head', rank, alpha: 1, tail_layers: 0 },
    })
    const world = openWorld({ s: lessons(24) })
    await runToEnd(world, ranked(1))
    await runToEnd(world, ranked(2))
    world.streams.get('s')!.push(...lessons(8, 24))
    await runToEnd(world, ranked(2))
    const [last, before] = [...world.registry.versions.keys()].reverse()
    expect(world.registry.moves.at(-1)!.live.version).toBe(last)
    await move(world, 'rollback', before)
    const { counts } = await runToEnd(world, ranked(2))
    expect(counts).toMatchObject({ learned: 32, set_aside: 4 })
    expect(asideIn(world)).toEqual([28, 29, 30, 31].map((at) => `s e-${at} undone`))
  })

  test('a promotion sets nothing aside', async () => {
    const world = await taught()
    await move(world, 'promote', 'v1')
    expect(await runToEnd(world, setting)).toMatchObject({ pending: 2, counts: { set_aside: 0 } })
  })

  test('beyond the limit the oldest go to the dead letters', async () => {
    const limits = { setAside: { events: 4, bytes: 1e6 } }
    const world = await taught({ ...setting, limits })
    world.registry.sinceMs = 10
    await move(world, 'rollback', 'v1')
    world.streams.get('s')!.push(labelled('e-10', true))
    expect(await countsOf(world, { ...setting, limits })).toMatchObject({
      set_aside: 4,
      rejected: 3,
    })
    expect([...world.letters.values()].map(({ code }) => code)).toEqual(
      Array(3).fill('SET_ASIDE_FULL'),
    )
    expect(asideIn(world)).toEqual([
      's e-7 undone',
      's e-8 pending',
      's e-9 pending',
      's e-10 unread',
    ])
  })

  test('a retraction reaches what was set aside', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    world.streams.get('s')!.push(event({ id: 'e-9' }), event({ id: 'e-4' }))
    expect(await countsOf(world)).toMatchObject({ set_aside: 4 })
    await move(world, 'relearn')
    const status = await runToEnd(world, setting)
    expect(status).toMatchObject({ counts: { learned: 9, set_aside: 0 } })
    expect(saved(world).remembered.map(({ key }) => key.slice(2))).not.toContain('e-9')
  })
})

describe('what a person asks for', () => {
  test('relearn: all of it is learned, in its order, and counted once as accepted', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    await runToEnd(world, setting)
    await move(world, 'relearn')
    expect(await runToEnd(world, setting)).toMatchObject({
      pending: 2,
      counts: { accepted: 10, learned: 8, set_aside: 0 },
    })
    expect(world.registry.versions.get('v3')?.manifest).toMatchObject({ parent: 'v1', events: 8 })
  })

  test.each([
    [{ label: 'no' }, ['s e-4 undone', 's e-6 undone', 's e-8 pending']],
    [{ source: 'elsewhere' }, 6],
    [{ source: 's' }, 0],
    [{ sinceMs: 8 }, 4],
  ])('relearn %j takes those alone', async (selection, left) => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    await runToEnd(world, setting)
    await move(world, 'relearn', undefined, { selection })
    await runToEnd(world, setting)
    expect(typeof left === 'number' ? asideIn(world).length : asideIn(world)).toEqual(left)
  })

  test('discard: it is gone for good', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    await move(world, 'discard', undefined, { selection: { label: 'yes' } })
    expect(await countsOf(world)).toMatchObject({ learned: 8, set_aside: 3 })
    await move(world, 'discard')
    await move(world, 'relearn')
    expect(await runToEnd(world, setting)).toMatchObject({
      pending: 0,
      counts: { learned: 8, set_aside: 0 },
      events: { states: { discarded: 6, rejected: 0 } },
    })
  })

  test('discard leaves what a person has asked to learn', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    await runToEnd(world, setting)
    await move(world, 'relearn', undefined, { selection: { label: 'no' } })
    await move(world, 'discard')
    expect(await runToEnd(world, setting)).toMatchObject({ pending: 3, counts: { set_aside: 0 } })
  })

  test('a rollback also ends what a person asked to learn before it', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    await runToEnd(world, setting)
    await move(world, 'relearn')
    await move(world, 'rollback', 'v0')
    const held = { pending: 0, counts: { learned: 8, set_aside: 10 } }
    expect(await runToEnd(world, setting)).toMatchObject(held)
    expect(await runToEnd(world, setting)).toMatchObject(held)
  })

  test('an event that is sent again teaches, and is set aside no more', async () => {
    const world = await taught()
    await move(world, 'rollback', 'v1')
    world.streams.get('s')!.push(labelled('e-8', true))
    expect(await runToEnd(world, setting)).toMatchObject({ pending: 1, counts: { set_aside: 5 } })
  })

  test('pause: nothing is learned, the lag grows, also after a restart; resume: all of it is', async () => {
    const world = await taught()
    await move(world, 'pause')
    const paused: Setting = { ...setting, until: ({ state }) => state === 'paused' }
    world.streams.get('s')!.push(...lessons(6, 10))
    const unlearned = { lag: 6, counts: { learned: 8 } }
    expect(await runToEnd(world, paused)).toMatchObject(unlearned)
    expect(await runToEnd(world, paused)).toMatchObject(unlearned)
    await move(world, 'resume')
    expect(await countsOf(world)).toMatchObject({ learned: 16, set_aside: 0 })
  })

  test('a rollback that holds sets aside and pauses, until somebody resumes', async () => {
    const world = await taught()
    const running = startIn(world, setting)
    await running.readAll()
    await move(world, 'rollback', 'v1', { hold: true })
    running.loop.wake()
    await untilState(running, 'paused')
    world.streams.get('s')!.push(...lessons(4, 100))
    running.loop.wake()
    await untilLag(running, 4)
    await move(world, 'resume')
    running.loop.wake()
    await untilLag(running, 0)
    const status = await running.stop()
    expect(status.counts).toMatchObject({ learned: 12, set_aside: 6 })
  })
})

describe('a rollback by policy', () => {
  const backAt = (count: number): Rollback => ({
    decide: ({ line, version }) =>
      line.count === count && version === 'v2'
        ? { verdict: 'rollback', reason: `${version} is bad` }
        : { verdict: 'keep', reason: 'fine' },
    snapshot: () => null,
    restore: () => {},
  })

  test('sets aside the block that it judged and what the version had learned', async () => {
    const world = openWorld({ s: lessons(12) })
    const { counts } = await runToEnd(world, { ...setting, rollback: backAt(8) })
    expect(counts).toMatchObject({ learned: 8, set_aside: 8 })
    expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: 'v1' }, by: 'policy' })
  })
})

async function untilState({ loop }: ReturnType<typeof startIn>, state: string) {
  while (loop.status().state !== state) await turn()
}

async function untilLag({ loop }: ReturnType<typeof startIn>, lag: number) {
  while (loop.status().lag !== lag) await turn()
}

const turn = async () => new Promise((resolve) => setImmediate(resolve))
