/** A newer lesson takes the place of an older one, everywhere; what was undone or refused may come again. */
import { describe, expect, test } from 'vitest'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { event, labelled, lessons } from './events.ts'
import { tinyKnnMemory } from '../learner/tiny-knn-memory.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { openWorld, runToEnd, type Setting, type World } from './world.ts'

const setting: Setting = { every: 4 }
const saved = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!
const targets = (world: World) =>
  saved(world)
    .remembered.map(({ key, target }) => `${key.slice(2)} ${(target as LabelTarget).label}`)
    .toSorted()

async function rollBack(world: World, version: string) {
  const { moves } = world.registry
  await world.registry.point({ version, expect: moves.length, reason: 'no', by: 'rollback' })
}

describe('the same id', () => {
  test('with another lesson supersedes what is pending', async () => {
    const world = openWorld({ s: [labelled('e-0', true), labelled('e-0', false)] })
    const status = await runToEnd(world, setting)
    expect(status).toMatchObject({ pending: 1, counts: { accepted: 2, duplicates: 0 } })
    expect(saved(world).pending).toMatchObject([{ target: { label: 'no' } }])
    // Over a restart too.
    world.streams.get('s')!.push(labelled('e-0', true))
    await runToEnd(world, setting)
    expect(saved(world).pending).toMatchObject([{ target: { label: 'yes' } }])
  })

  test('with another lesson supersedes what replay and memory hold', async () => {
    const knnMemory = tinyKnnMemory({ every: 1000 })
    const again = event({ id: 'e-0', text: 'slow', label: 'no' })
    const world = openWorld({ s: [...lessons(4), again, ...lessons(3, 4)] })
    await runToEnd(world, { ...setting, knnMemory })
    expect(targets(world)).toEqual(
      ['e-0 no', 'e-1 no', 'e-2 yes', 'e-3 no', 'e-4 yes', 'e-5 no', 'e-6 yes'].toSorted(),
    )
    const held = saved(world).memorised!.filter(({ key }) => key === 's\0e-0')
    expect(held).toMatchObject([{ vote: 'no' }])
  })

  test('with the same lesson is a duplicate, also where the older one was superseded twice', async () => {
    const two = [labelled('e-0', true), labelled('e-0', false)]
    const world = openWorld({ s: [...two, ...two, labelled('e-0', false)] })
    const { counts } = await runToEnd(world, setting)
    expect(counts).toMatchObject({ accepted: 4, duplicates: 1 })
  })

  test('with another lesson that is refused leaves the older one', async () => {
    const world = openWorld({
      s: [labelled('e-0', true), event({ id: 'e-0', text: 'odd', label: 'maybe' })],
    })
    await runToEnd(world, setting)
    expect(saved(world).pending).toMatchObject([{ target: { label: 'yes' } }])
    expect([...world.letters.values()]).toMatchObject([{ code: 'LABEL_UNKNOWN' }])
  })

  test('with another lesson supersedes what waits for its prediction', async () => {
    const about = (label: string) => event({ id: 'e-0', prediction_id: 'p', label })
    const world = openWorld({ s: [about('yes'), about('no')] })
    expect((await runToEnd(world, setting)).counts).toMatchObject({ accepted: 1, waiting: 1 })
    world.predictions.set('p', {
      ...{ id: 'p', version: 'v0', answer: 'no', timeMs: 0 },
      input: { kind: 'text', text: 'bad' },
    })
    await runToEnd(world, setting)
    expect(saved(world).pending).toMatchObject([{ target: { label: 'no' } }])
  })
})

test('a correction replaces what was said about the same prediction before', async () => {
  const world = openWorld({
    s: [
      event({ id: 'thumb', prediction_id: 'p', rating: -1 }),
      event({ id: 'fix', source: 'elsewhere', prediction_id: 'p', label: 'yes' }),
    ],
  })
  world.predictions.set('p', {
    ...{ id: 'p', version: 'v0', answer: 'no', timeMs: 0 },
    input: { kind: 'text', text: 'bad' },
  })
  expect((await runToEnd(world, setting)).counts).toMatchObject({ accepted: 2 })
  expect(saved(world).pending.map(({ key }) => key)).toEqual(['elsewhere\0fix'])
})

test('after a rollback what it has undone can be sent again, and is learned once', async () => {
  const world = openWorld({ s: lessons(8) })
  await runToEnd(world, { ...setting, capacity: 2 })
  await rollBack(world, 'v1')
  world.streams.get('s')!.push(...lessons(8))
  const { counts } = await runToEnd(world, { ...setting, capacity: 2 })
  expect(counts).toMatchObject({ accepted: 12, duplicates: 4, learned: 12, set_aside: 0 })
  world.streams.get('s')!.push(...lessons(8))
  expect((await runToEnd(world, setting)).counts).toMatchObject({ duplicates: 12 })
})

test('after a rollback to a version that may have learned them, events that come again are duplicates', async () => {
  const world = openWorld({ s: lessons(10) })
  await runToEnd(world, setting)
  // As of a version that another daemon has made.
  world.store.run(`DELETE FROM snapshots WHERE version = 'v1'`)
  await rollBack(world, 'v1')
  await runToEnd(world, setting)
  world.streams.get('s')!.push(...lessons(8))
  const { counts } = await runToEnd(world, setting)
  expect(counts).toMatchObject({ accepted: 10, duplicates: 8, learned: 8, set_aside: 6 })
  world.streams.get('s')!.push(...lessons(10).slice(8))
  // These were pending, and learned by no version.
  expect((await runToEnd(world, setting)).counts).toMatchObject({ duplicates: 8, set_aside: 4 })
})

test('going forward again, what that version has learned is known again', async () => {
  const world = openWorld({ s: lessons(8) })
  await runToEnd(world, setting)
  await rollBack(world, 'v1')
  await runToEnd(world, setting)
  const { moves } = world.registry
  await world.registry.point({ version: 'v2', expect: moves.length, reason: 'yes', by: 'promote' })
  world.streams.get('s')!.push(...lessons(8))
  const { counts } = await runToEnd(world, setting)
  expect(counts).toMatchObject({ duplicates: 8, learned: 8, set_aside: 0 })
})

test('an event that was refused can be sent again when the reason is gone', async () => {
  const third = event({ id: 'm', text: 'odd', label: 'maybe' })
  const world = openWorld({ s: [third] })
  const refused: string[] = []
  const letAgain = (keys: readonly string[]) => void refused.push(...keys)
  await runToEnd(world, { ...setting, letAgain })
  expect(refused).toEqual(['s\0m'])
  world.streams.get('s')!.push(third)
  const labels = { open: false, known: ['no', 'yes', 'maybe'], limit: 8 }
  expect((await runToEnd(world, { ...setting, labels })).pending).toBe(1)
})

test('thumbs down after thumbs up on one answer, without ids, takes its place, and up again that', async () => {
  const parse = ({ value }: SourceRecord) => parseEvent(value, defaultLimits, { source: 's' })
  const thumb = (rating: 1 | -1) => JSON.stringify({ prediction_id: 'p', rating })
  const world = openWorld({ s: [thumb(1)] })
  const input = { kind: 'text', text: 'good' } as const
  world.predictions.set('p', { id: 'p', version: 'v0', answer: 'yes', input, timeMs: 0 })
  const kept = async (...more: string[]) => {
    world.streams.get('s')!.push(...more)
    const { counts } = await runToEnd(world, { ...setting, parse })
    return { targets: saved(world).pending.map(({ target }) => target), ...counts }
  }
  const up = [{ kind: 'label', label: 'yes' }]
  const down = [{ kind: 'label', label: 'no' }]
  expect(await kept()).toMatchObject({ targets: up })
  expect(await kept(thumb(-1))).toMatchObject({ targets: down })
  expect(await kept(thumb(-1))).toMatchObject({ targets: down, duplicates: 1 })
  expect(await kept(thumb(1))).toMatchObject({ targets: up, accepted: 3 })
})
