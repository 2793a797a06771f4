/** What is taken back: one event, an id of any source, all of a source; and what was taken back before it came. */
import { describe, expect, test } from 'vitest'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { event } from './events.ts'
import { tinyKnnMemory } from '../learner/tiny-knn-memory.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

/** As in the product. */
const parse = ({ value, timeMs }: SourceRecord, connector: string): FeedbackEvent =>
  parseEvent(value, defaultLimits, { source: connector, timeMs: timeMs ?? 0 })
const setting: Setting = {
  every: 4,
  capacity: 30,
  parse,
  knnMemory: tinyKnnMemory({ every: 1000 }),
}

const words = ['good', 'fine', 'bad', 'awful', 'odd', 'grey', 'quick', 'slow']
const said = (count: number, from = 0, source = 'desk') =>
  Array.from({ length: count }, (_, at) =>
    event({ id: `e-${from + at}`, source, text: words[(from + at) % 8], label: 'yes' }),
  ).map((text) => text.replace('"text":', '"input":'))
const saved = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!
const heldIn = (world: World) => {
  const { remembered, pending, memorised = [], setAside, waiting } = saved(world)
  const all = [...remembered, ...pending, ...memorised, ...setAside, ...waiting]
  return [...new Set(all.map(({ key }) => key.replace('\0', ' ')))].toSorted()
}
const codes = (world: World) => [...world.letters.values()].map(({ code }) => code)

async function rollBack(world: World, version: string) {
  const { moves } = world.registry
  await world.registry.point({ version, expect: moves.length, reason: 'no', by: 'rollback' })
}

describe('without a source', () => {
  test('an id of whichever source has it is taken back', async () => {
    const world = openWorld({ http: [...said(6), event({ id: 'e-1', retract: true })] })
    await runToEnd(world, setting)
    expect(heldIn(world)).not.toContain('desk e-1')
    expect(heldIn(world)).toHaveLength(5)
  })

  test('the event of the connector itself is meant before those of others', async () => {
    const own = said(1, 0, 'http')
    const world = openWorld({ http: [...said(2), ...own, event({ id: 'e-0', retract: true })] })
    await runToEnd(world, setting)
    expect(heldIn(world)).toEqual(['desk e-0', 'desk e-1'])
  })

  test('an id that nobody has sent is a dead letter that says so', async () => {
    const world = openWorld({ http: [...said(2), event({ id: 'no', retract: true })] })
    const { counts } = await runToEnd(world, setting)
    expect(counts).toMatchObject({ accepted: 2, rejected: 1 })
    expect(codes(world)).toEqual(['RETRACTION_UNMATCHED'])
  })
})

describe('all of a source', () => {
  test('goes from replay, memory, what is pending and what was set aside', async () => {
    const others = said(3, 100, 'elsewhere')
    const world = openWorld({ http: [...said(9), ...others] })
    await runToEnd(world, setting)
    await rollBack(world, 'v1')
    world.streams.get('http')!.push(...said(3, 20))
    await runToEnd(world, setting)
    expect(saved(world).setAside.length).toBeGreaterThan(0)
    world.streams.get('http')!.push(event({ source: 'desk', retract: true }))
    await runToEnd(world, setting)
    expect(heldIn(world)).toEqual(['elsewhere e-100', 'elsewhere e-101', 'elsewhere e-102'])
    // And from every state that could be gone back to.
    await rollBack(world, 'v2')
    await runToEnd(world, setting)
    expect(heldIn(world).filter((key) => key.startsWith('desk'))).toEqual([])
    expect(world.store.all('SELECT key FROM examples').length).toBeLessThanOrEqual(3)
  })

  test('since a time leaves what came before it, and what comes later is learned', async () => {
    const since = new Date(2).toISOString()
    const retraction = event({ source: 'desk', retract: true, since })
    const world = openWorld({ http: [...said(6), retraction, ...said(1, 50)] })
    await runToEnd(world, setting)
    expect(heldIn(world)).toEqual(['desk e-0', 'desk e-1', 'desk e-50'])
  })
})

describe('a version with what was taken back in its memory', () => {
  test('is followed by one without it when somebody goes back to it', async () => {
    const world = openWorld({ http: said(8) })
    await runToEnd(world, setting)
    expect(world.registry.versions.get('v1')?.manifest.memory?.items).toBe(4)
    world.streams.get('http')!.push(event({ id: 'e-1', source: 'desk', retract: true }))
    await runToEnd(world, setting)
    await rollBack(world, 'v1')
    await runToEnd(world, setting)
    const live = world.registry.moves.at(-1)!
    expect(live).toMatchObject({ by: 'trainer' })
    expect(world.registry.versions.get(live.live.version)?.manifest).toMatchObject({
      parent: 'v1',
      memory: { items: 3 },
    })
  })
})

describe('an event that was taken back', () => {
  test('before it came is a dead letter, and its source has room for so many', async () => {
    const limits = { ahead: { perSource: 2, all: 3, events: 4 } }
    const early = (id: string, source = 'desk') => event({ id, source, retract: true })
    const world = openWorld({
      http: [early('e-0'), early('e-1'), early('e-2'), early('x', 'other'), early('y', 'other')],
    })
    await runToEnd(world, { ...setting, limits })
    expect(codes(world)).toEqual(['RETRACTIONS_FULL', 'RETRACTIONS_FULL'])
    world.streams.get('http')!.push(...said(3))
    const { counts } = await runToEnd(world, { ...setting, limits })
    expect(counts).toMatchObject({ rejected: 4 })
    expect(codes(world).slice(2)).toEqual(['RETRACTED', 'RETRACTED'])
    expect(heldIn(world)).toEqual(['desk e-2'])
    // They do not last for ever.
    world.streams.get('http')!.push(...said(4, 10), ...said(1))
    await runToEnd(world, { ...setting, limits })
    expect(heldIn(world)).toContain('desk e-0')
  })

  test('is a dead letter when it is sent again, also after a rollback', async () => {
    const retract = event({ id: 'e-5', source: 'desk', retract: true })
    const world = openWorld({ http: [...said(8), retract] })
    await runToEnd(world, setting)
    await rollBack(world, 'v1')
    world.streams.get('http')!.push(...said(1, 5))
    await runToEnd(world, setting)
    expect(codes(world)).toEqual(['RETRACTED'])
    expect(heldIn(world)).not.toContain('desk e-5')
  })
})

describe('feedback about a prediction', () => {
  const served = { id: 'p', version: 'v0', answer: 'yes', timeMs: 0 } as const
  const about = (id: string, source: string, more: object) =>
    event({ id, source, prediction_id: 'p', ...more })
  const run = async (reaches: (from: string, to: string) => boolean, ...events: string[]) => {
    const world = openWorld({ s: events })
    world.predictions.set('p', { ...served, input: { kind: 'text', text: 'good' } })
    await runToEnd(world, { ...setting, every: 99, reaches })
    return world
  }
  const guarded = (from: string, to: string) => from === to || to !== 'signed'

  test.each([
    ['is not taken back', { retract: true }, ['RETRACTION_UNMATCHED'], ['signed a']],
    ['is not replaced', { label: 'no' }, [], ['open b', 'signed a']],
  ])('of a guarded source %s by another', async (_what, said, letters, left) => {
    const own = about('a', 'signed', { label: 'yes' })
    const world = await run(guarded, own, about('b', 'open', said))
    expect(heldIn(world)).toEqual(left)
    expect(codes(world)).toEqual(letters)
    expect(heldIn(await run(() => true, own, about('b', 'open', said)))).not.toContain('signed a')
    expect(heldIn(await run(guarded, own, about('b', 'signed', said)))).not.toContain('signed a')
  })

  test('of other sources is taken back beside it', async () => {
    const both = [about('a', 'signed', { label: 'yes' }), about('c', 'open', { rating: 1 })]
    const world = await run(guarded, ...both, about('b', 'desk', { retract: true }))
    expect(heldIn(world)).toEqual(['signed a'])
    expect(codes(world)).toEqual([])
  })
})

test('an event may only be retracted after it came where there is no room for others, and then comes again', async () => {
  const world = openWorld({ http: [event({ id: 'x', source: 'desk', retract: true }), ...said(1)] })
  const again: string[] = []
  const limits = { ahead: { perSource: 0, all: 0, events: 9 } }
  const letAgain = (keys: readonly string[]) => void again.push(...keys)
  await runToEnd(world, { ...setting, limits, letAgain })
  expect(codes(world)).toEqual(['RETRACTION_UNMATCHED'])
  expect(again).toEqual(['desk\0x\0retract'])
  world.streams.get('http')!.push(...said(1).map((each) => each.replace('e-0', 'x')))
  await runToEnd(world, { ...setting, limits })
  expect(heldIn(world)).toEqual(['desk e-0', 'desk x'])
})
