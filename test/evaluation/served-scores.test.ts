/** Scores of versions from the answers that they served: counted once an answer, bounded, and part of the checkpoint. */
import { describe, expect, test } from 'vitest'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { ServedTables } from '../../src/checkpoint/tables/served-tables.ts'
import { checkpointMigrations } from '../../src/checkpoint/schema.ts'
import { rowSum } from '../../src/checkpoint/tables/rows.ts'
import type { JudgedPart } from '../../src/evaluation/served-parts.ts'
import { ServedScores, type ServedScore } from '../../src/evaluation/served-scores.ts'
import { openStore } from '../../src/platform/store/store.ts'
import { event, lessons } from '../trainer/events.ts'
import { Crash, openWorld, runToEnd, startIn, type Setting, type World } from '../trainer/world.ts'

test('the newest judgement of an answer counts, and one that is taken back does not', () => {
  const served = new ServedScores()
  served.judge('p-1', 'v1', 1)
  served.judge('p-2', 'v1', 0)
  served.judge('p-3', 'v2', 1)
  served.judge('p-1', 'v1', 0)
  expect(served.scores).toEqual([
    { version: 'v1', count: 2, error: 0 },
    { version: 'v2', count: 1, error: 1 },
  ])
  served.withdraw('p-3')
  served.withdraw('p-9')
  expect(served.scores).toEqual([{ version: 'v1', count: 2, error: 0 }])
})

test('versions and answers that are known are bounded, the least recently judged go', () => {
  const served = new ServedScores({ versions: 2, answers: 2 })
  for (const [prediction, version] of ['a v1', 'b v2', 'c v1', 'd v3'].map((row) => row.split(' ')))
    served.judge(prediction!, version!, 1)
  expect(served.scores.map(({ version, count }) => [version, count])).toEqual([
    ['v3', 1],
    ['v1', 2],
  ])
  // `a` is not known any more: it counts once more.
  served.judge('a', 'v1', 0)
  expect(served.scores[0]).toEqual({ version: 'v1', count: 3, error: 2 / 3 })
})

test('a judgement that fell out with its version is not taken from the sums that it begins later', () => {
  const served = new ServedScores({ versions: 1, answers: 9 })
  const part = { source: 'desk', strata: ['yes'] }
  served.judge('a', 'v1', 1, part)
  served.judge('b', 'v2', 1, part)
  served.judge('c', 'v1', 0, part)
  served.withdraw('a')
  const strata = [{ name: 'yes', count: 1, error: 0 }]
  expect(served.scores).toMatchObject([{ version: 'v1', count: 1, error: 0, parts: { strata } }])
})

test('what is written is what is read, also after every single change', () => {
  const store = openStore(':memory:', { migrations: checkpointMigrations })
  const tables = new ServedTables(store)
  const limits = { versions: 3, answers: 5 }
  const served = new ServedScores(limits)
  for (let at = 0; at < 40; at += 1) {
    if (at % 7 === 6) served.withdraw(`p-${at - 3}`)
    else
      served.judge(`p-${at % 11}`, `v${Math.floor(at / 6)}`, (at % 3) / 2, {
        ...{ source: `s-${at % 2}`, strata: ['yes'], slice: `part-${at % 3}` },
      })
    tables.write(served.change)
    // Again, as after a save that may or may not have been done.
    tables.write(served.change)
    served.saved()
    const again = new ServedScores(limits)
    again.restore(tables.load())
    expect(again.scores).toEqual(served.scores)
    expect(tables.load().judgements.length).toBeLessThanOrEqual(5)
  }
  store.close()
})

const plain = (scores: readonly ServedScore[]) => scores.map(({ parts: _parts, ...score }) => score)

const part = (over: Partial<JudgedPart> = {}): JudgedPart => ({
  ...{ source: 'desk', strata: ['yes'], slice: 'north', confused: ['no', 'yes'] },
  ...over,
})

test('a version has scores by stratum, slice and source, and what was said in place of what', () => {
  const served = new ServedScores()
  served.judge('p-1', 'v1', 1, part())
  served.judge('p-2', 'v1', 0, part({ confused: ['yes', 'yes'], slice: 'south' }))
  const { slice: _slice, ...nowhere } = part({ source: 'shop', strata: ['no'] })
  served.judge('p-3', 'v1', 1, { ...nowhere, confused: ['yes', 'no'] })
  expect(served.scores[0]?.parts).toEqual({
    strata: [
      { name: 'yes', count: 2, error: 0.5 },
      { name: 'no', count: 1, error: 1 },
    ],
    slices: [
      { name: 'north', count: 1, error: 1 },
      { name: 'south', count: 1, error: 0 },
    ],
    sources: [
      { name: 'desk', count: 2, error: 0.5 },
      { name: 'shop', count: 1, error: 1 },
    ],
    confusion: [
      { said: 'no', right: 'yes', count: 1 },
      { said: 'yes', right: 'yes', count: 1 },
      { said: 'yes', right: 'no', count: 1 },
    ],
  })
  served.withdraw('p-1')
  expect(served.scores[0]?.parts).toMatchObject({
    slices: [{ name: 'south', count: 1, error: 0 }],
    confusion: [{ said: 'yes' }, { said: 'yes', right: 'no' }],
  })
})

test('parts are bounded: names beyond the limit share a row, and what is taken back leaves it', () => {
  const served = new ServedScores()
  for (let at = 0; at < 500; at += 1)
    served.judge(`p-${at}`, 'v1', 1, part({ slice: `s-${at}`, confused: [`a-${at}`, 'yes'] }))
  const { slices, confusion } = served.scores[0]!.parts!
  expect(slices.length).toBe(65)
  expect(slices[0]).toEqual({ name: 'other', count: 436, error: 1 })
  expect(confusion.length).toBe(256)
  for (let at = 0; at < 500; at += 1) served.withdraw(`p-${at}`)
  served.judge('again', 'v1', 0, part())
  expect(served.scores[0]!.parts!.slices).toEqual([{ name: 'other', count: 1, error: 0 }])
})

test('rows of before there were parts are read as they are', () => {
  const store = openStore(':memory:', { migrations: checkpointMigrations })
  const put = 'INSERT INTO served_versions (version, at, count, errors, sum) VALUES (?, ?, ?, ?, ?)'
  store.run(put, 'v1', 3, 2, 1, rowSum('v1', 3, 2, 1))
  const judged =
    'INSERT INTO judged_answers (prediction, at, version, error, sum) VALUES (?, ?, ?, ?, ?)'
  store.run(judged, 'p', 3, 'v1', 1, rowSum('p', 3, 'v1', 1))
  const served = new ServedScores()
  served.restore(new ServedTables(store).load())
  expect(served.scores).toEqual([{ version: 'v1', count: 2, error: 0.5 }])
  served.withdraw('p')
  expect(served.scores).toEqual([{ version: 'v1', count: 1, error: 0 }])
  store.close()
})

const setting: Setting = { every: 4 }
const savedIn = (world: World) => new Checkpoint(world.store, { snapshots: 9 }).load()!

function predicted(
  id: string,
  version: string,
  answer: string,
): readonly [string, ServedPrediction] {
  const input = { kind: 'text', text: 'good fine' } as const
  return [id, { id, input, version, answer, timeMs: 0 }]
}

/** v1 was right once of two, v2 never: by label, by rating, late. */
function judged(): World {
  const world = openWorld({
    s: [
      ...lessons(6),
      event({ id: 'f-1', prediction_id: 'p-1', label: 'yes' }),
      event({ id: 'f-2', prediction_id: 'p-2', rating: -1 }),
      ...lessons(4, 20),
      event({ id: 'f-3', prediction_id: 'p-3', label: 'no' }),
      // Its input came along, so that what was served is not looked up.
      event({ id: 'f-4', prediction_id: 'p-4', text: 'good fine', label: 'yes' }),
      event({ id: 'f-5', prediction_id: 'p-5', rating: 1 }),
    ],
  })
  for (const each of [
    predicted('p-1', 'v1', 'yes'),
    predicted('p-2', 'v1', 'yes'),
    predicted('p-3', 'v2', 'yes'),
    predicted('p-4', 'v2', 'yes'),
  ])
    world.predictions.set(...each)
  return world
}

const expected = [
  { version: 'v2', count: 1, error: 1 },
  { version: 'v1', count: 2, error: 0.5 },
]

describe('a trainer', () => {
  test('scores each version by the answers that it served', async () => {
    const world = judged()
    const running = startIn(world, setting)
    await running.readAll()
    expect(plain(running.loop.served())).toEqual(expected)
    await running.stop()
    const { versions } = savedIn(world).served!
    expect(versions.map(({ version, count }) => [version, count])).toEqual([
      ['v1', 2],
      ['v2', 1],
    ])
  })

  test('does not score a version by answers for which it was asked by name', async () => {
    const world = judged()
    for (const id of ['p-1', 'p-3'])
      world.predictions.set(id, { ...world.predictions.get(id)!, pinned: true })
    const running = startIn(world, setting)
    await running.readAll()
    expect(plain(running.loop.served())).toEqual([{ version: 'v1', count: 1, error: 1 }])
    // They teach like any other.
    await running.stop()
    const other = judged()
    await runToEnd(other, setting)
    expect(savedIn(world).progress.learned).toBe(savedIn(other).progress.learned)
  })

  test('counts no answer that was given after the right one was known', async () => {
    const world = openWorld({
      s: [
        event({ id: 'f-1', prediction_id: 'p-1', label: 'no', time: 60_000 }),
        event({ id: 'f-2', prediction_id: 'p-2', label: 'no', time: 180_000 }),
      ],
    })
    for (const id of ['p-1', 'p-2']) {
      const [, prediction] = predicted(id, 'v1', 'yes')
      world.predictions.set(id, { ...prediction, timeMs: 120_000 })
    }
    const running = startIn(world, setting)
    await running.readAll()
    expect(plain(running.loop.served())).toEqual([{ version: 'v1', count: 1, error: 1 }])
    await running.stop()
  })

  test('counts an answer of a replica with a clock ahead of the machine that took the feedback', async () => {
    const world = judged()
    world.predictions.set('p-3', { ...world.predictions.get('p-3')!, timeMs: 1e9 })
    const running = startIn(world, setting)
    await running.readAll()
    expect(plain(running.loop.served())).toEqual(expected)
    await running.stop()
  })

  test('scores the slice that an event names, and confuses labels', async () => {
    const world = openWorld({
      s: [event({ id: 'f', prediction_id: 'p', label: 'no', slice: 'north' })],
    })
    world.predictions.set(...predicted('p', 'v1', 'yes'))
    const running = startIn(world, setting)
    await running.readAll()
    expect(running.loop.served()[0]?.parts).toEqual({
      strata: [{ name: 'no', count: 1, error: 1 }],
      slices: [{ name: 'north', count: 1, error: 1 }],
      sources: [{ name: 's', count: 1, error: 1 }],
      confusion: [{ said: 'yes', right: 'no', count: 1 }],
    })
    await running.stop()
  })

  test('a rollback takes none of it back, a retraction does', async () => {
    const world = judged()
    await runToEnd(world, setting)
    await world.registry.point({ version: 'v0', expect: 4, reason: 'r', by: 'rollback' })
    world.streams.get('s')!.push(event({ id: 'f-9', prediction_id: 'p-2' }))
    const running = startIn(world, setting)
    await running.readAll()
    expect(plain(running.loop.served())).toEqual([
      { version: 'v2', count: 1, error: 1 },
      { version: 'v1', count: 1, error: 0 },
    ])
    await running.stop()
  })

  test('counts each judgement once, whatever effect it dies at', async () => {
    for (let instant = 1; ; instant += 1) {
      const world = judged()
      let effects = 0
      const chaos = () => {
        if ((effects += 1) === instant) throw new Crash(`${instant}`)
      }
      const survived = await runToEnd(world, { ...setting, chaos }).then(
        () => true,
        () => false,
      )
      if (!survived) await runToEnd(world, setting)
      const served = new ServedScores()
      served.restore(savedIn(world).served!)
      expect(plain(served.scores), `died at ${instant}`).toEqual(expected)
      if (survived) break
    }
  }, 60_000)
})
