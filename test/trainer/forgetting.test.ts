/** What is forgotten was never learned: the rest is as it is in a run that never had it. */
import { describe, expect, test } from 'vitest'
import type { ForgetTask } from '../../src/checkpoint/forgetting.ts'
import type { ExampleKey, Json } from '../../src/contracts/core.ts'
import type { ForgetRequest, RoutingMove } from '../../src/versions/contract.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { fact, setFact } from '../../src/checkpoint/tables/states.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { stateName } from '../../src/checkpoint/event-log/states.ts'
import { Dedupe } from '../../src/intake/dedupe/dedupe.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { certificateOf } from '../../src/trainer/forgetting/certificate.ts'
import { openRandom } from '../../src/platform/random.ts'
import { event } from './events.ts'
import { finalState } from './final-state.ts'
import {
  Crash,
  openWorld,
  runToEnd,
  startIn,
  type Chaos,
  type Setting,
  type World,
} from './world.ts'

const setting: Setting = { every: 4, capacity: 6 }

/** Texts of several letters, so that each example moves the weights in its own way. */
function lesson(at: number, source: string): string {
  const random = openRandom(at, 'lesson')
  const words = ['good', 'fine', 'awful', 'bad', 'so', 'it']
  const text = Array.from({ length: 4 }, () => words[random.below(words.length)])
  const label = random.uniform() < 0.5 ? 'yes' : 'no'
  return event({ id: `${source}-${at}`, source, text: text.join(' '), label })
}

const good = (count: number, from = 0) =>
  Array.from({ length: count }, (_, at) => lesson(from + at, 'good'))

/** Ten good ones, and then every third is bad. */
function mixed(count: number): string[] {
  const later = Array.from({ length: count }, (_, at) =>
    lesson(100 + at, at % 3 === 1 ? 'bad' : 'good'),
  )
  return [...good(10), ...later]
}

const without = (events: readonly string[], word: string) =>
  events.filter((each) => !each.includes(word))

async function forget(world: World, asked: Partial<ForgetRequest>, sinceMs = 1000) {
  const { moves } = world.registry
  world.registry.sinceMs = sinceMs
  await world.registry.point({
    ...{ version: moves.at(-1)!.live.version, expect: moves.length },
    ...{ reason: 'asked by a person', by: 'forget' },
    asks: { forget: { request: `f-${moves.length}`, ...asked } },
  })
}

async function promote({ registry }: World, version: string): Promise<void> {
  const expect = registry.moves.length
  await registry.point({ version, expect, reason: 'better', by: 'promote' })
}

/** What learning has come to. */
function learned(world: World) {
  const { weights, head, steps, learnerState, remembered, memorised, pending } = finalState(world)!
  return { weights, head, steps, learnerState, remembered, memorised, pending }
}

async function ran(events: readonly string[], own: Setting = setting): Promise<World> {
  const world = openWorld({ s: events })
  await runToEnd(world, own)
  return world
}

const savedIn = (world: World) => new Checkpoint(world.store, { snapshots: 99 }).load()!
const taskIn = (world: World) => savedIn(world).forgetting!.tasks.at(-1)!

function stateOf(world: World, key: string) {
  const checkpoint = new Checkpoint(world.store, { snapshots: 9 })
  const saved = checkpoint.load()!
  const dedupe = new Dedupe(() => checkpoint.seen(), Infinity)
  const log = new EventLog({
    limits: { events: 100_000, bytes: 1e9 },
    hashOf: (each) => dedupe.hashOf(each),
    sizeOf: () => 0,
    isKnown: () => false,
    stored: checkpoint.log,
  })
  log.restore(saved.log!)
  const state = log.stateOf(key as ExampleKey)
  return state === undefined ? undefined : stateName(state)
}

describe('forgetting a source', () => {
  test('leaves weights, optimizer, replay and what waits as in a run that never had it', async () => {
    const events = mixed(41)
    const world = await ran(events)
    const before = learned(world).weights
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    const reference = await ran(without(events, 'bad-'))
    expect(learned(world)).toEqual(learned(reference))
    expect(learned(world).weights).not.toBe(before)
    expect(taskIn(world)).toMatchObject({ stage: 'done', from: 'v2', isErased: true, retiring: [] })
    expect(taskIn(world).counts).toMatchObject({ events: 14 })
  })

  test('counts what is learned again once', async () => {
    const world = await ran(mixed(41))
    const { counts } = world.statuses.at(-1)!
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    world.streams.get('s')!.push(...good(4, 700))
    const after = await runToEnd(world, setting)
    expect(counts).toMatchObject({ accepted: 51, learned: 48 })
    expect(after.counts).toMatchObject({ accepted: 55, learned: 53 })
  })

  test('goes on with the events that come later as that run would', async () => {
    const events = mixed(41)
    const world = await ran(events)
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    world.streams.get('s')!.push(...good(30, 500))
    await runToEnd(world, setting)
    const reference = await ran([...without(events, 'bad-'), ...good(30, 500)])
    expect(learned(world)).toEqual(learned(reference))
  })

  test('learns nothing again that only a branch had learned which a person has left', async () => {
    // In both runs nothing waits for its update when the person decides.
    const events = [...mixed(36), ...good(2, 300)]
    const run = async (keep: (events: readonly string[]) => readonly string[]) => {
      const world = await ran(keep(events))
      await promote(world, 'v2')
      await runToEnd(world, setting)
      world.streams.get('s')!.push(...keep([...good(9, 500), lesson(900, 'bad'), ...good(9, 600)]))
      await runToEnd(world, setting)
      return world
    }
    const world = await run((all) => all)
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    expect(learned(world)).toEqual(learned(await run((all) => without(all, 'bad-'))))
    expect(taskIn(world)).toMatchObject({ stage: 'done', retiring: [] })
  })

  test('retires every version that had learned from it, and no other', async () => {
    const world = await ran(mixed(41))
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    const task = taskIn(world)
    const { rebuilt } = task
    // The certificate lists them as a person counts.
    const { versions } = certificateOf(task, { model: 'm', digest: 'd', notErased: [] })
    expect(versions).toMatchObject({ retired: Array.from({ length: 10 }, (_, at) => `v${at + 3}`) })
    const names = [...world.registry.versions.keys()]
    expect(names.slice(0, 3)).toEqual(['v0', 'v1', 'v2'])
    expect(names).not.toContain('v3')
    expect(world.registry.moves.at(-1)!.live.version).toBe(rebuilt)
    const snapshots = finalState(world)!.snapshots
    expect(snapshots).not.toContain('v12')
    expect(snapshots).toContain(rebuilt)
  })

  test('moves routing to the newest version without it before anything is learned again', async () => {
    const world = await ran(mixed(41))
    await forget(world, { source: 'bad' })
    const at = world.registry.moves.length
    await runToEnd(world, setting)
    expect(world.registry.moves[at]).toMatchObject({ live: { version: 'v2' }, by: 'policy' })
  })

  describe('finds it in what was exported and imported again', () => {
    const importOf = async (world: World, parent: string, version: string) => {
      const { manifest, parameters } = world.registry.versions.get(parent)!
      const draft = { ...manifest, version, parent, decision: 'imported' as const }
      await world.registry.publish({ manifest: draft, parameters })
    }

    test('and leaves an import of a version that had not learned it', async () => {
      const world = await ran(mixed(41))
      await importOf(world, 'v12', 'v12-import')
      await importOf(world, 'v12-import', 'v12-import-2')
      await importOf(world, 'v1', 'v12-import-3')
      await forget(world, { source: 'bad' })
      await runToEnd(world, setting)
      expect(taskIn(world).retired).toContain('v12-import-2')
      expect([...world.registry.versions.keys()].filter((name) => name.includes('import'))).toEqual(
        ['v12-import-3'],
      )
    })

    test('and in every version that was trained from that', async () => {
      const [events, later] = [mixed(41), good(14, 500)]
      const world = await ran(events)
      await importOf(world, 'v12', 'v12-import')
      await promote(world, 'v12-import')
      world.streams.get('s')!.push(...later)
      await runToEnd(world, setting)
      expect(world.registry.moves.at(-1)!.live.version).toBe('v16')
      await forget(world, { source: 'bad' })
      await runToEnd(world, setting)
      expect(taskIn(world).retired).toEqual(expect.arrayContaining(['v12-import', 'v13', 'v16']))
      const reference = await ran([...without(events, 'bad-'), ...later])
      expect(learned(world)).toEqual(learned(reference))
    })
  })

  describe('finds it where only the replay of another line had it', () => {
    /** Versions made elsewhere, which have no snapshot here. */
    const made = async (world: World, ...names: readonly string[]) => {
      const { manifest, parameters } = world.registry.versions.get('v1')!
      for (const version of names)
        await world.registry.publish({
          manifest: { ...manifest, version, parent: null },
          parameters,
        })
    }

    test.each([[['one']], [['one', 'two']]])('after %j was promoted', async (names) => {
      // Nothing waits for its update.
      const world = await ran(mixed(38))
      await made(world, ...names)
      expect(savedIn(world).remembered.some(({ key }) => key.includes('bad-'))).toBe(true)
      for (const name of names) {
        await promote(world, name)
        await runToEnd(world, setting)
      }
      world.streams.get('s')!.push(...good(8, 500))
      await runToEnd(world, setting)
      const since = [...world.registry.versions.keys()].slice(-2)
      expect(since).not.toContain(names.at(-1))
      await forget(world, { source: 'bad' })
      await runToEnd(world, setting)
      expect(taskIn(world).retired).toEqual(expect.arrayContaining(since))
      for (const name of names) expect(taskIn(world).retired).not.toContain(name)
    })
  })

  describe('never releases a version', () => {
    // v1 learned four events, v2 eight, v3 the bad one too; a person decides what is live.
    const manual: Setting = {
      ...setting,
      promotion: openPolicy('promotion', policies.promotion, { policy: 'manual' }),
    }
    const events = [...good(8), lesson(8, 'bad'), ...good(3, 9)]
    const forgotten = async (world: World, own: Setting, asked: Partial<ForgetRequest> = {}) => {
      const at = world.registry.moves.length
      await forget(world, { source: 'bad', ...asked })
      await runToEnd(world, own)
      expect(taskIn(world)).toMatchObject({ stage: 'done', isErased: true, retiring: [] })
      return world.registry.moves.slice(at + 1).map(({ live }) => live.version)
    }

    test.each([false, true])('while the live one had not seen it', async (keepServing) => {
      const world = await ran(events, manual)
      expect(world.registry.moves.at(-1)!.live.version).toBe('v0')
      expect(await forgotten(world, manual, { keepServing })).toEqual([])
      expect(learned(world)).toEqual(learned(await ran(without(events, 'bad-'), manual)))
      expect(world.registry.versions.has('v3')).toBe(false)
    })

    test('but goes back to the last one that was live and had not', async () => {
      const world = await ran(events.slice(0, 4), manual)
      await promote(world, 'v1')
      world.streams.get('s')!.push(...events.slice(4))
      await runToEnd(world, manual)
      await promote(world, 'v3')
      await runToEnd(world, manual)
      expect(await forgotten(world, manual)).toEqual(['v1'])
    })

    test.each([false, true])('and ends its trial', async (keepServing) => {
      const trying: Setting = { ...setting, rollout: { policy: 'canary', judged: 1000 } }
      const world = await ran(events.slice(0, 4), trying)
      await promote(world, 'v1')
      world.streams.get('s')!.push(...events.slice(4))
      await runToEnd(world, { ...manual, rollout: trying.rollout! })
      const { moves } = world.registry
      const tried = { version: 'v3', share: 0.5 }
      await world.registry.point({
        ...{ version: 'v1', expect: moves.length, reason: 'try', by: 'canary', canary: tried },
      })
      await runToEnd(world, manual)
      expect(await forgotten(world, manual, { keepServing })).toEqual(['v1'])
      expect(moves.at(-1)!.canary).toBeUndefined()
      expect(world.registry.versions.has('v3')).toBe(false)
    })
  })

  test('that is to go on serving moves routing once, when the rest is rebuilt', async () => {
    const events = mixed(41)
    const world = await ran(events)
    await forget(world, { source: 'bad', keepServing: true })
    const at = world.registry.moves.length
    await runToEnd(world, setting)
    const moves = world.registry.moves.slice(at)
    expect(moves.map(({ live }) => live.version)).toEqual([taskIn(world).rebuilt])
    expect(learned(world)).toEqual(learned(await ran(without(events, 'bad-'))))
    expect(taskIn(world)).toMatchObject({ stage: 'done', isErased: true, retiring: [] })
    expect(world.registry.versions.has('v12')).toBe(false)
  })

  describe('while the versions of before go on answering', () => {
    /** Moves the pointer when the first version without it is published. */
    const movedMeanwhile = async (move: Partial<RoutingMove>, own: Setting = setting) => {
      const world = await ran(mixed(41))
      await forget(world, { source: 'bad', keepServing: true })
      const { moves } = world.registry
      let isMoved = false
      const chaos: Chaos = (effect) => {
        if (effect !== 'publish' || isMoved) return
        isMoved = true
        const asked = { version: 'v12', expect: moves.length, reason: 'a person', ...move }
        void world.registry.point(asked as RoutingMove)
      }
      await runToEnd(world, { ...own, chaos })
      expect(isMoved).toBe(true)
      return world
    }
    const lineIn = ({ registry }: World, version: string | null) => {
      const line: string[] = []
      for (let at = version; at !== null; at = registry.versions.get(at)?.manifest.parent ?? null)
        line.push(at)
      return line
    }

    test.each<[string, Partial<RoutingMove>]>([
      ['a rollback', { version: 'v11', by: 'rollback' }],
      ['a promotion', { version: 'v11', by: 'promote' }],
      ['the rollback of a server', { version: 'v11', by: 'policy', asks: { follow: true } }],
      ['a canary', { by: 'canary', canary: { version: 'v11', share: 0.5 } }],
      ['a shadow', { by: 'shadow', shadow: 'v11' }],
    ])('%s to a version that has learned it is undone', async (_what, move) => {
      const world = await movedMeanwhile(move)
      const { retired, rebuilt, learnedAgain } = taskIn(world)
      expect(taskIn(world)).toMatchObject({ stage: 'done', retiring: [] })
      expect(lineIn(world, rebuilt).filter((version) => retired.includes(version))).toEqual([])
      expect(lineIn(world, rebuilt).at(-1)).toBe('v0')
      expect(world.registry.moves.at(-1)).toMatchObject({ live: { version: rebuilt } })
      expect(world.registry.moves.at(-1)!.canary ?? world.registry.moves.at(-1)!.shadow).toBe(
        undefined,
      )
      expect(learned(world)).toEqual(learned(await ran(without(mixed(41), 'bad-'))))
      expect(learnedAgain).toBe(taskIn(world).again)
    })

    test('a line that has learned it after all is rebuilt from before it', async () => {
      const world = await ran(mixed(41))
      await forget(world, { source: 'bad', keepServing: true })
      const chaos: Chaos = (effect) => {
        if (effect === 'publish') throw new Crash()
      }
      await expect(runToEnd(world, { ...setting, chaos })).rejects.toThrow(Crash)
      // As a release left it that followed a person to such a version.
      const said = JSON.stringify(fact(world.store, 'forgetting'))
      const more = said.replace('"retiring":[', '"retiring":["v2",')
      setFact(world.store, 'forgetting', JSON.parse(more) as Json)
      await runToEnd(world, setting)
      const { retired, rebuilt, from } = taskIn(world)
      expect(taskIn(world)).toMatchObject({ stage: 'done', from: 'v1', counts: { events: 14 } })
      expect([from, retired.includes('v2'), world.registry.versions.has('v2')]).toEqual([
        ...['v1', true, false],
      ])
      expect(lineIn(world, rebuilt)).not.toContain('v2')
      expect(learned(world)).toEqual(learned(await ran(without(mixed(41), 'bad-'))))
    })

    test('an import of what goes, made meanwhile, goes too', async () => {
      const world = await ran(mixed(41))
      await forget(world, { source: 'bad', keepServing: true })
      let isMade = false
      const chaos: Chaos = (effect) => {
        if (effect !== 'publish' || isMade) return
        isMade = true
        const { manifest, parameters } = world.registry.versions.get('v12')!
        const draft = { ...manifest, version: 'v12-import', parent: 'v12', decision: 'imported' }
        void world.registry.publish({ manifest: draft, parameters })
      }
      await runToEnd(world, { ...setting, chaos })
      expect(taskIn(world).retired).toContain('v12-import')
      expect(world.registry.versions.has('v12-import')).toBe(false)
    })

    test('a promotion of one that has not stays, and what it leaves is not learned again', async () => {
      const world = await movedMeanwhile({ version: 'v1', by: 'promote' })
      const { rebuilt, again, learnedAgain } = taskIn(world)
      expect(taskIn(world)).toMatchObject({ stage: 'done', retiring: [] })
      expect(lineIn(world, rebuilt)).toContain('v1')
      expect(lineIn(world, rebuilt)).not.toContain('v2')
      expect(world.registry.moves.at(-1)!.live.version).toBe(rebuilt)
      expect(learnedAgain).toBe(again)
    })
  })

  test('leaves no word of it in the tables of the checkpoint but hashes', async () => {
    const world = await ran([
      ...mixed(41),
      event({ id: 'bad-w', prediction_id: 'p', label: 'yes' }),
    ])
    expect(namedIn(world, 'bad-')).toEqual([...['event_log', 'examples', 'remembered', 'held']])
    await forget(world, { beforeMs: 1000 })
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    expect(namedIn(world, 'bad-')).toEqual([])
  })

  test('leaves no score of the versions that go, and its name in no count', async () => {
    const own: Setting = {
      ...setting,
      defence: {
        ...{ maxShare: 1, fromSources: 5, trusted: [], maxWeight: 1, maxUpdate: 1e9 },
        ...{ quarantines: false, sources: 100 },
      },
    }
    const world = openWorld({ s: mixed(20) })
    await runToEnd(world, own)
    for (const [at, version] of ['v1', 'v7'].entries()) {
      const input = { kind: 'text', text: `so ${at}` } as const
      const served = { id: `p${at}`, version, answer: 'yes', input, timeMs: 0 }
      world.predictions.set(served.id, served)
    }
    const about = (at: number, source: string) =>
      event({ id: `${source}-p${at}`, source, prediction_id: `p${at}`, label: 'no', slice: 'x' })
    world.streams.get('s')!.push(about(0, 'bad'), about(1, 'good'))
    await runToEnd(world, own)
    const counts = () => {
      const rows = world.store.all('SELECT version, parts FROM served_versions')
      const { defence } = savedIn(world).progress
      return {
        versions: rows.map((row) => row.text('version')).toSorted(),
        names: JSON.stringify([rows.map((row) => row.textOrNull('parts')), defence]),
      }
    }
    expect(counts().versions).toEqual(['v1', 'v7'])
    expect(counts().names).toContain('"bad"')
    await forget(world, { source: 'bad' })
    await runToEnd(world, own)
    expect(taskIn(world).retired).toContain('v7')
    expect(counts().versions).toEqual(['v1'])
    expect(counts().names).not.toContain('"bad"')
    expect(counts().names).toContain('"good"')
  })

  test('ends with a move that has the hash of the certificate', async () => {
    const world = await ran(mixed(20))
    await forget(world, { source: 'bad' })
    await runToEnd(world, { ...setting, certify: async ({ rebuilt }) => `hash of ${rebuilt}` })
    const { rebuilt, asked } = taskIn(world)
    const certificate = { request: asked.request, hash: `hash of ${rebuilt}` }
    const move = world.registry.moves.at(-1)!
    expect(move).toMatchObject({ live: { version: rebuilt }, by: 'policy', asks: { certificate } })
    // Nothing moves again.
    await runToEnd(world, setting)
    expect(world.registry.moves.at(-1)).toBe(move)
  })

  test('refuses its events when the topic is read again, and learns new ones', async () => {
    const events = mixed(20)
    const world = await ran(events)
    await forget(world, { source: 'bad' }, 100)
    await runToEnd(world, setting)
    const before = learned(world)
    world.streams.get('s')!.push(lesson(101, 'bad'))
    await runToEnd(world, setting)
    expect(learned(world)).toEqual(before)
    expect(stateOf(world, 'bad\0bad-101')).toBe('forgotten')
    expect([...world.letters]).toEqual([])
    // Record 31 of the stream is older than the request: never read before, and refused all the same.
    world.streams.get('s')!.push(lesson(900, 'bad'))
    await runToEnd(world, setting)
    expect(learned(world)).toEqual(before)
    world.streams.get('s')!.push(...Array.from({ length: 80 }, (_, at) => lesson(at, 'good')))
    world.streams.get('s')!.push(lesson(901, 'bad'))
    await runToEnd(world, setting)
    expect(stateOf(world, 'bad\0bad-901')).toBe('pending')
  })

  test('takes an empty place of the inbox for one that was erased, and an empty record of another source for no event', async () => {
    for (const [feedbackSource, letters] of [
      ['s', 0],
      ['http', 1],
    ] as const) {
      const world = await ran(mixed(8))
      await forget(world, { source: 'bad' })
      world.streams.get('s')!.push('')
      await runToEnd(world, { ...setting, feedbackSource })
      expect(world.letters.size).toBe(letters)
    }
  })

  test('a crash at any effect on the way changes nothing', async () => {
    const events = mixed(11)
    const reference = await ran(without(events, 'bad-'))
    const effects = await effectsOf(events)
    expect(effects).toBeGreaterThan(20)
    const lefts: number[] = []
    for (let at = 0; at < effects; at += 1) {
      const world = await ran(events)
      await forget(world, { source: 'bad' })
      let left = at
      const chaos: Chaos = () => {
        if (left === 0) {
          left = -1
          throw new Crash()
        }
        left -= 1
      }
      await runToEnd(world, { ...setting, chaos }).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error
      })
      const task = savedIn(world).forgetting?.tasks.at(-1)
      if (task?.stage === 'rebuilding') lefts.push(task.again - (task.left ?? 0))
      await runToEnd(world, setting)
      expect(learned(world), `a crash at effect ${at}`).toEqual(learned(reference))
      expect(taskIn(world)).toMatchObject({ stage: 'done', retiring: [] })
      expect(world.registry.versions.has('v5')).toBe(false)
    }
    // The checkpoint that begins it says that all is left.
    expect(lefts[0]).toBe(0)
    expect(lefts.at(-1)).toBeGreaterThan(lefts[0]!)
    expect(lefts).toEqual(lefts.toSorted((one, other) => one - other))
  })
})

async function effectsOf(events: readonly string[]): Promise<number> {
  const world = await ran(events)
  await forget(world, { source: 'bad' })
  let count = 0
  await runToEnd(world, { ...setting, chaos: () => (count += 1) })
  return count
}

/** The tables with these characters somewhere. */
function namedIn({ store }: World, text: string): readonly string[] {
  const tables = ['event_log', 'examples', 'remembered', 'held']
  const hex = Buffer.from(text).toString('hex').toUpperCase()
  return tables.filter((table) => {
    const columns = store.all(`PRAGMA table_info(${table})`).map((row) => row.text('name'))
    const bytes = columns.map((name) => `hex(CAST(coalesce("${name}", '') AS BLOB))`)
    const rows = store.all(`SELECT ${bytes.join(` || ' ' || `)} AS hex FROM ${table}`)
    return rows.some((row) => row.text('hex').includes(hex))
  })
}

describe('a forecast', () => {
  const askedOf = async (own: Setting) => {
    const world = await ran(mixed(41), own)
    const running = startIn(world, own)
    await running.readAll()
    const forecast = await running.loop.ask('forecast', { request: '', source: 'bad' })
    await running.stop()
    return { world, forecast }
  }

  test('says what the request then does, and changes nothing', async () => {
    const { world, forecast } = await askedOf(setting)
    expect(learned(world)).toEqual(learned(await ran(mixed(41))))
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    const { counts, from, again, retired } = taskIn(world)
    expect(forecast).toMatchObject({ from, again, isUnlearned: false, hasState: true, lost: 0 })
    expect(forecast.counts).toEqual(counts)
    expect(forecast.retiring.toSorted()).toEqual(retired.toSorted())
    expect(counts).toMatchObject({ events: 14, event_log: 14, replay: 1, set_aside: 0 })
  })

  test.each([false, true])(
    'names the pins that go and the version that answers meanwhile, and so does the certificate',
    async (keepServing) => {
      const world = await ran(mixed(41))
      const { moves } = world.registry
      const live = moves.at(-1)!.live.version
      for (const version of ['v1', 'v12']) await world.registry.pin(version)
      const running = startIn(world, setting)
      await running.readAll()
      const asked = { request: '', source: 'bad', keepServing }
      const forecast = await running.loop.ask('forecast', asked)
      await running.stop()
      const meanwhile = keepServing ? live : 'v2'
      expect(forecast).toMatchObject({ unpinning: ['v12'], meanwhile })
      const at = moves.length
      await forget(world, { source: 'bad', keepServing })
      await runToEnd(world, setting)
      if (!keepServing) expect(moves[at + 1]!.live.version).toBe('v2')
      const { versions } = certificateOf(taskIn(world), { model: 'm', digest: '', notErased: [] })
      expect(versions).toMatchObject({ unpinned: ['v12'], answered_meanwhile: meanwhile })
    },
  )

  test('warns of what has fallen out of the log, and so does the request', async () => {
    const own = { ...setting, limits: { eventLog: { events: 12, bytes: 1e9 } } }
    const { world, forecast } = await askedOf(own)
    expect(forecast).toMatchObject({ hasState: false, lost: 39, isUnlearned: false })
    expect(forecast.from).toBeUndefined()
    await forget(world, { source: 'bad' })
    await runToEnd(world, own)
    expect(taskIn(world)).toMatchObject({ isBeyondLog: true, lost: 39 })
  })

  test('knows that a fresh adapter has learned what was in replay, though its method keeps none', async () => {
    const before: Setting = {
      ...{ every: 4, capacity: 60 },
      adapter: { method: 'head', rank: 1, alpha: 1, tail_layers: 0 },
    }
    const after: Setting = {
      ...before,
      adapter: { method: 'head', rank: 2, alpha: 1, tail_layers: 0 },
      replay: openPolicy('replay', policies.replay, { policy: 'none' }),
    }
    // Nothing waits for an update.
    const world = await ran(mixed(42), before)
    await runToEnd(world, after)
    const fresh = world.registry.moves.at(-1)!.live.version
    world.streams.get('s')!.push(...good(8, 300))
    const running = startIn(world, after)
    await running.readAll()
    const forecast = await running.loop.ask('forecast', { request: '', source: 'bad' })
    await running.stop()
    expect(world.registry.versions.get(fresh)!.manifest.parent).toBeNull()
    const live = world.registry.moves.at(-1)!.live.version
    expect(live).not.toBe(fresh)
    expect(forecast).toMatchObject({ isUnlearned: false })
    expect(forecast.retiring).toEqual(expect.arrayContaining([fresh, live]))
    await forget(world, { source: 'bad' })
    await runToEnd(world, after)
    expect(taskIn(world).retired).toEqual(expect.arrayContaining([fresh, live]))
    expect(world.registry.moves.at(-1)!.live.version).not.toBe(live)
    // What nothing has taught retires nothing, the rebuilt versions neither.
    const again = startIn(world, after)
    await again.readAll()
    const unlearned = await again.loop.ask('forecast', { request: '', source: 'bad' })
    await again.stop()
    expect(unlearned).toMatchObject({ isUnlearned: true, retiring: [] })
  })

  test('counts an event that fell out once, however often it was learned again', async () => {
    const own: Setting = {
      ...setting,
      afterRollback: 'continue',
      limits: { eventLog: { events: 12, bytes: 1e9 } },
    }
    const world = await ran(good(40), own)
    for (let times = 0; times < 3; times += 1) {
      const { moves } = world.registry
      const asks = { version: 'v8', expect: moves.length, reason: 'again' }
      await world.registry.point({ ...asks, by: 'rollback' })
      await runToEnd(world, own)
    }
    const running = startIn(world, own)
    await running.readAll()
    const { lost } = await running.loop.ask('forecast', { request: '', source: 'bad' })
    // Of the 12 rows in the log, four are older rows of the same events.
    expect([lost, running.loop.status().events?.states.older]).toEqual([32, 32])
    await running.stop()
  })

  test('of what nothing has learned names no version', async () => {
    const world = await ran(mixed(20))
    const running = startIn(world, setting)
    await running.readAll()
    const forecast = await running.loop.ask('forecast', { request: '', source: 'nobody' })
    expect(forecast).toMatchObject({ isUnlearned: true, again: 0, retiring: [] })
    await running.stop()
    await expect(running.loop.ask('forecast', { request: '' })).rejects.toThrow('has stopped')
  })
})

describe('what is to be forgotten', () => {
  test('may be one event', async () => {
    const events = mixed(41)
    const world = await ran(events)
    await forget(world, { source: 'good', id: 'good-120' })
    await runToEnd(world, setting)
    const reference = await ran(without(events, 'good-120'))
    expect(learned(world)).toEqual(learned(reference))
    expect(taskIn(world)).toMatchObject({ from: 'v7', counts: { events: 1 } })
  })

  test('may be one event of any source', async () => {
    const world = await ran(mixed(20))
    await forget(world, { id: 'bad-101' })
    await runToEnd(world, setting)
    expect(learned(world)).toEqual(learned(await ran(without(mixed(20), 'bad-101'))))
  })

  test('may be everything before a time: the rest is learned on a fresh adapter', async () => {
    const events = mixed(30)
    const world = await ran(events)
    await forget(world, { beforeMs: 12 })
    await runToEnd(world, setting)
    const { weights, remembered, pending } = learned(world)
    expect({ weights, remembered, pending }).toEqual(
      (({ weights, remembered, pending }) => ({ weights, remembered, pending }))(
        learned(await ran(events.slice(12))),
      ),
    )
  })

  test('may only wait for its update, or its prediction, or be set aside', async () => {
    const waits = event({ id: 'w', source: 'bad', prediction_id: 'p', label: 'yes' })
    const events = [...good(9), lesson(1, 'bad'), waits]
    const world = await ran(events)
    expect(savedIn(world)).toMatchObject({ pending: [{}, {}], waiting: [{}] })
    await forget(world, { source: 'bad' })
    await runToEnd(world, setting)
    expect(savedIn(world).waiting).toEqual([])
    expect(learned(world)).toEqual(learned(await ran(good(9))))
    expect(taskIn(world)).toMatchObject({ counts: { events: 2 }, retired: [] })
  })

  test('may be unknown: nothing changes, and the request is done', async () => {
    const world = await ran(mixed(20))
    const before = learned(world)
    await forget(world, { source: 'nobody' })
    await runToEnd(world, setting)
    expect(learned(world)).toEqual(before)
    expect(taskIn(world)).toMatchObject({ stage: 'done', counts: { events: 0 }, from: null })
  })

  test('may have fallen out of the log: then only a fresh adapter is without it', async () => {
    const own = { ...setting, limits: { eventLog: { events: 12, bytes: 1e9 } } }
    const world = await ran(mixed(41), own)
    await forget(world, { source: 'bad' })
    await runToEnd(world, own)
    const task: ForgetTask = taskIn(world)
    expect(task).toMatchObject({ isBeyondLog: true, stage: 'done' })
    expect([...world.registry.versions.keys()]).not.toContain('v2')
    expect(savedIn(world).remembered.some(({ source }) => source === 'bad')).toBe(false)
    // No version is left that has learned what fell out, so the next request finds out exactly.
    await forget(world, { source: 'good', id: 'good-139' })
    await runToEnd(world, own)
    expect(taskIn(world)).toMatchObject({ isBeyondLog: false, counts: { events: 1 } })
  })

  test('may be older than the log: of a checkpoint that had none, or of versions without a checkpoint', async () => {
    const upgraded = await ran(mixed(21))
    for (const table of ['event_log', 'event_states', 'event_versions'])
      upgraded.store.run(`DELETE FROM ${table}`)
    upgraded.store.run(`DELETE FROM facts WHERE name = 'event_log'`)
    const whole = await ran(mixed(21))
    // A person has made it live, so the trainer goes on from it.
    whole.registry.moves.splice(0)
    await promote(whole, 'v4')
    const bare: World = { ...openWorld({ s: [] }), registry: whole.registry }
    await runToEnd(bare, setting)
    for (const world of [upgraded, bare]) {
      await forget(world, { source: 'bad' })
      await runToEnd(world, setting)
      expect(taskIn(world)).toMatchObject({ isBeyondLog: true, stage: 'done' })
      expect([...world.registry.versions.keys()]).not.toContain('v4')
    }
  })

  test('may be an event that was corrected after its first signal had fallen out of the log', async () => {
    const own = { ...setting, limits: { eventLog: { events: 24, bytes: 1e9 } } }
    const lessons = good(60)
    const corrected = event({ id: 'good-1', source: 'good', text: 'so bad it', label: 'no' })
    const again = event({ id: 'good-1', source: 'good', text: 'so bad it', label: 'yes' })
    for (const [events, isBeyondLog] of [
      // The first signal fell out before the second one came, and while that one was in the log.
      [[...lessons.slice(0, 40), corrected, ...lessons.slice(40)], true],
      [[...lessons.slice(0, 40), corrected, again, ...lessons.slice(40)], true],
      [[...lessons.slice(0, 10), corrected, ...lessons.slice(10, 26)], true],
      [[...lessons.slice(0, 10), corrected, ...lessons.slice(10, 22)], false],
    ] as const) {
      const world = await ran(events, own)
      await forget(world, { source: 'good', id: 'good-1' })
      await runToEnd(world, own)
      const task: ForgetTask = taskIn(world)
      expect(task).toMatchObject({ isBeyondLog, stage: 'done' })
    }
  })

  test('leaves the log able to say who taught what, though what was learned again has pushed rows out', async () => {
    const own = { ...setting, limits: { eventLog: { events: 50, bytes: 1e9 } } }
    const third = Array.from({ length: 4 }, (_, at) => lesson(300 + at, 'third'))
    const events = [...mixed(36).slice(10), ...third]
    const world = await ran(events, own)
    await forget(world, { source: 'bad' })
    await runToEnd(world, own)
    await forget(world, { source: 'third' })
    await runToEnd(world, own)
    const task: ForgetTask = taskIn(world)
    expect(task).toMatchObject({ isBeyondLog: false, stage: 'done', counts: { events: 4 } })
    const rest = without(without(events, 'bad-'), 'third-')
    expect(learned(world)).toEqual(learned(await ran(rest, own)))
  })

  test('is forgotten request by request', async () => {
    const events = mixed(41)
    const world = await ran(events)
    await forget(world, { source: 'bad' })
    await forget(world, { id: 'good-3' })
    await runToEnd(world, setting)
    const rest = without(without(events, 'bad-'), '"good-3"')
    expect(learned(world)).toEqual(learned(await ran(rest)))
    expect(savedIn(world).forgetting!.tasks.map(({ stage }) => stage)).toEqual(['done', 'done'])
  })
})
