/** Each event that a trainer has read is in exactly one state, whatever came after it. */
import { describe, expect, test } from 'vitest'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { EventLog } from '../../src/checkpoint/event-log/event-log.ts'
import { stateName } from '../../src/checkpoint/event-log/states.ts'
import { Dedupe } from '../../src/intake/dedupe/dedupe.ts'
import type { ExampleKey } from '../../src/contracts/core.ts'
import type { MoveRequest, Mover } from '../../src/versions/contract.ts'
import { fc, runs } from '../properties.ts'
import { event, labelled, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

const setting: Setting = { every: 4 }
const limits = { events: 100_000, bytes: 1e9 }

async function move(world: World, by: Mover, to?: string, asks?: MoveRequest) {
  const { moves } = world.registry
  const version = to ?? moves.at(-1)!.live.version
  await world.registry.point({ version, expect: moves.length, reason: 'a person', by, asks })
}

/** As a process that starts after this one reads it. */
function logIn(world: World, own = limits) {
  const checkpoint = new Checkpoint(world.store, { snapshots: 9 })
  const saved = checkpoint.load()!
  const dedupe = new Dedupe(() => checkpoint.seen(), Infinity)
  const log = new EventLog({
    limits: own,
    hashOf: (key) => dedupe.hashOf(key),
    sizeOf: () => 0,
    isKnown: () => false,
    stored: checkpoint.log,
  })
  log.restore(saved.log!)
  return { log, saved }
}

function stateOf(world: World, key: string) {
  const state = logIn(world).log.stateOf(key as ExampleKey)
  return state === undefined ? undefined : stateName(state)
}

async function statesAfter(world: World, own: Setting = setting) {
  const { events } = await runToEnd(world, own)
  const there = Object.entries(events!.states).filter(([, count]) => count > 0)
  return Object.fromEntries(there)
}

test('a trainer that ends before the first event comes leaves the first version in the log', async () => {
  const world = openWorld({ s: [] })
  await runToEnd(world, setting)
  const restarted = logIn(world).log
  expect(restarted.size).toBe(0)
  expect(restarted.versions.all).toMatchObject([{ id: 1, version: 'v0', parent: 0, end: 0 }])
})

describe('an event', () => {
  test('waits for the next update, and then a version has learned it', async () => {
    const world = openWorld({ s: lessons(6) })
    expect(await statesAfter(world)).toEqual({ learned: 4, pending: 2 })
    const { log } = logIn(world)
    expect(log.learnedBy('s\0e-3' as ExampleKey)).toBe('v1')
    expect(log.learnedBy('s\0e-4' as ExampleKey)).toBeUndefined()
  })

  test('that is refused has its code; the same id with a good signal is learned', async () => {
    const world = openWorld({ s: [event({ id: 'e-0', text: 'x', label: '' })] })
    const bad = event({ id: 'e-1', rating: 1, text: 'no prediction' })
    world.streams.get('s')!.push(bad)
    const states = await statesAfter(world)
    expect(states.rejected).toBeGreaterThan(0)
    const rows = [...logIn(world).log.rows()].filter(({ note }) => note !== undefined)
    expect(rows.map(({ note }) => note?.code)).toContain('LABEL_UNKNOWN')
    const total = Object.values(states).reduce((sum, each) => sum + each, 0)
    world.streams.get('s')!.push(labelled('e-1', true))
    const after = await statesAfter(world)
    expect(Object.values(after).reduce((sum, each) => sum + each, 0)).toBe(total)
    expect(stateOf(world, 's\0e-1')).toBe('pending')
  })

  test('that waits for its prediction is given up, or learned when that comes', async () => {
    const about = (id: string) => event({ id, prediction_id: `p-${id}`, label: 'yes' })
    const world = openWorld({ s: [about('a'), about('b')] })
    expect(await statesAfter(world)).toEqual({ waiting: 2 })
    const input = { kind: 'text', text: 'good' } as const
    world.predictions.set('p-b', { id: 'p-b', input, version: 'v0', answer: 'no', timeMs: 0 })
    world.streams.get('s')!.push(...lessons(13))
    expect(await statesAfter(world)).toEqual({ learned: 12, pending: 2, rejected: 1 })
    expect(stateOf(world, 's\0a')).toBe('rejected')
  })

  test('that a rollback undoes is set aside, and learned again when a person goes forward', async () => {
    const world = openWorld({ s: lessons(10) })
    await runToEnd(world, setting)
    await move(world, 'rollback', 'v1')
    expect(await statesAfter(world)).toEqual({ learned: 4, set_aside: 6 })
    await move(world, 'promote', 'v2')
    expect(await statesAfter(world)).toEqual({ learned: 8, set_aside: 2 })
    expect(logIn(world).log.learnedBy('s\0e-5' as ExampleKey)).toBe('v2')
  })

  test('that a rollback undoes leaves no doubt after relearning and another rollback', async () => {
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, { ...setting, capacity: 2 })
    await move(world, 'rollback', 'v1')
    await runToEnd(world, { ...setting, capacity: 2 })
    await move(world, 'relearn')
    expect(await statesAfter(world, { ...setting, capacity: 2 })).toEqual({ learned: 12 })
    await move(world, 'rollback', 'v1')
    expect(await statesAfter(world, { ...setting, capacity: 2 })).toEqual({
      learned: 4,
      set_aside: 8,
    })
    const { saved } = logIn(world)
    expect(saved.setAside.map(({ key }) => key.slice(2))).toEqual(
      Array.from({ length: 8 }, (_, at) => `e-${at + 4}`),
    )
  })

  test('that is retracted leaves its content nowhere, also where replay lost it long ago', async () => {
    const world = openWorld({ s: lessons(12) })
    await runToEnd(world, { ...setting, capacity: 2 })
    world.streams.get('s')!.push(event({ id: 'e-0' }))
    expect(await statesAfter(world, { ...setting, capacity: 2 })).toEqual({
      learned: 11,
      retracted: 1,
    })
    const first = [...logIn(world).log.rows()].find(({ key }) => key === 's\0e-0')
    expect(first).toEqual({ order: 0, key: 's\0e-0' })
    await move(world, 'rollback', 'v0')
    expect(await statesAfter(world, { ...setting, capacity: 2 })).toEqual({
      set_aside: 11,
      retracted: 1,
    })
  })

  test('about the same prediction supersedes one that replay lost long ago', async () => {
    const input = { kind: 'text', text: 'good fine' } as const
    const about = (id: string, label: string) => event({ id, prediction_id: 'p', label })
    const world = openWorld({ s: [about('old', 'no'), ...lessons(12)] })
    world.predictions.set('p', { id: 'p', input, version: 'v0', answer: 'no', timeMs: 0 })
    await runToEnd(world, { ...setting, capacity: 1 })
    world.streams.get('s')!.push(about('new', 'yes'))
    const states = await statesAfter(world, { ...setting, capacity: 1 })
    expect(states).toMatchObject({ superseded: 1 })
    expect(stateOf(world, 's\0old')).toBe('superseded')
  })
})

test('what falls out of the log is counted, the oldest first, whenever the checkpoint was saved', async () => {
  const seen: unknown[] = []
  for (const records of [1, 3, 16]) {
    const world = openWorld({ s: lessons(30) })
    const own = { ...setting, limits: { records, eventLog: { events: 11, bytes: 1e9 } } }
    seen.push(await statesAfter(world, own))
    const { log } = logIn(world, { events: 11, bytes: 1e9 })
    expect([...log.rows()].map(({ key }) => key.slice(2))).toEqual(
      Array.from({ length: 11 }, (_, at) => `e-${at + 19}`),
    )
    expect(log.size).toBe(11)
    // Another start goes on from it.
    world.streams.get('s')!.push(...lessons(2, 30))
    expect(await statesAfter(world, own)).toEqual({ learned: 11, older: 21 })
  }
  expect(seen).toEqual(Array(3).fill({ learned: 9, pending: 2, older: 19 }))
})

test('what waits for the next update stays in a log that is too short for it, also over a restart', async () => {
  const seen: unknown[] = []
  for (const records of [1, 3, 16]) {
    const world = openWorld({ s: lessons(5) })
    const own = { every: 8, limits: { records, eventLog: { events: 2, bytes: 1e9 } } }
    expect(await statesAfter(world, own)).toEqual({ pending: 5 })
    world.streams.get('s')!.push(...lessons(2, 5))
    expect(await statesAfter(world, own)).toEqual({ pending: 7 })
    world.streams.get('s')!.push(...lessons(1, 7))
    const status = await runToEnd(world, own)
    expect(status.counts.learned).toBe(8)
    seen.push(finalState(world)?.log)
    expect(await statesAfter(world, own)).toEqual({ learned: 2, older: 6 })
  }
  expect(seen).toEqual(Array(3).fill(seen[0]))
})

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const one = fc.oneof(
  { weight: 6, arbitrary: fc.record({ id: fc.constantFrom(...ids), yes: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ id: fc.constantFrom(...ids), rates: fc.constantFrom(1, 2, 9) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ id: fc.constantFrom(...ids), about: fc.constantFrom(1, 2, 9) }),
  },
  { weight: 1, arbitrary: fc.record({ id: fc.constantFrom(...ids), retract: fc.constant(true) }) },
)
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ send: fc.array(one, { minLength: 1, maxLength: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      by: fc.constantFrom<Mover>('rollback', 'promote'),
      back: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ by: fc.constantFrom<Mover>('relearn', 'discard') }) },
)

function lineOf(each: typeof one extends fc.Arbitrary<infer Each> ? Each : never): string {
  const { id } = each
  if ('yes' in each) return labelled(id, each.yes)
  if ('rates' in each) return event({ id, prediction_id: `p-${each.rates}`, rating: 1 })
  if ('about' in each) return event({ id, prediction_id: `p-${each.about}`, label: 'yes' })
  return event({ id })
}

test('events in any order, twice, late, and of versions that were undone are each in one state, and the counts add up', async () => {
  const property = fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 8 }), async (acts) => {
    const world = openWorld({ s: [] })
    const input = { kind: 'text', text: 'good' } as const
    for (const id of ['p-1', 'p-2'])
      world.predictions.set(id, { id, input, version: 'v0', answer: 'no', timeMs: 0 })
    const own = { ...setting, capacity: 3, keepVersions: 2 }
    await runToEnd(world, own)
    for (const each of acts) {
      if ('send' in each) world.streams.get('s')!.push(...each.send.map(lineOf))
      else if ('back' in each) {
        const versions = [...world.registry.versions.keys()]
        await move(world, each.by, versions.at(-1 - Math.min(each.back, versions.length - 1)))
      } else await move(world, each.by)
      const { events, counts, pending } = await runToEnd(world, own)
      const { states } = events!
      const { log, saved } = logIn(world)
      // Over a restart the same.
      expect(log.counts).toEqual(states)
      expect(states).toMatchObject({ pending, older: 0 })
      // A newer signal may wait, or be set aside, while the older one counts.
      expect(states.waiting).toBeLessThanOrEqual(counts.waiting)
      expect(states.set_aside).toBeLessThanOrEqual(counts.set_aside!)
      for (const { key, what } of saved.setAside)
        if (what.kind === 'example') expect(stateName(log.stateOf(key)!)).toBe('set_aside')
      for (const { key } of saved.pending) expect(stateName(log.stateOf(key)!)).toBe('pending')
      for (const { key } of saved.remembered) expect(stateName(log.stateOf(key)!)).toBe('learned')
      const known = ids.filter((id) => log.stateOf(`s\0${id}` as ExampleKey) !== undefined)
      const total = Object.values(states).reduce((sum, count) => sum + count, 0)
      expect(total).toBe(known.length)
    }
  })
  await fc.assert(property, { numRuns: runs(60) })
}, 60_000)

test('a crash at any effect leaves the log as a run without one has it', async () => {
  const script = async (world: World, own: Setting) => {
    await untilDone(world, own)
    await move(world, 'rollback', 'v1')
    await untilDone(world, own)
    await move(world, 'relearn')
    await untilDone(world, own)
  }
  const untilDone = async (world: World, own: Setting) => {
    for (;;)
      try {
        return await runToEnd(world, own)
      } catch (error) {
        if (!(error instanceof Error) || error.message !== 'the process is gone') throw error
      }
  }
  const clean = openWorld({ s: lessons(10) })
  await script(clean, setting)
  const found = (world: World) => {
    const { log } = logIn(world)
    return [...log.rows()].map(({ key, example, order }) => [order, key, example?.target])
  }
  for (let dies = 1; dies < 40; dies += 3) {
    const world = openWorld({ s: lessons(10) })
    let effects = 0
    const chaos = () => {
      effects += 1
      if (effects === dies) throw new Error('the process is gone')
    }
    await script(world, { ...setting, chaos })
    expect(found(world)).toEqual(found(clean))
    expect(logIn(world).log.counts).toEqual(logIn(clean).log.counts)
  }
})
