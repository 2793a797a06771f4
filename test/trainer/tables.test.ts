/** The recipe for tables, as a config without an adapter gives it, learns what a linear model on the same numbers cannot. */
import { describe, expect, it } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { Defence } from '../../src/learner/defence/defence.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { identified } from '../example-key.ts'
import { openTableLearner, type Row } from '../learner/table-learner.ts'

it('bends: inside and outside of a circle', async () => {
  const random = openRandom(1, 'circle')
  const rows = Array.from({ length: 700 }, (): Row => {
    const [x, y] = [random.uniform() * 4 - 2, random.uniform() * 4 - 2]
    return [[x, y], x * x + y * y < 2.4 ? 'in' : 'out']
  })
  expect(await lateAccuracy(rows, {})).toBeGreaterThan(0.93)
  expect(await lateAccuracy(rows, { hidden: [], bins: 0 })).toBeLessThan(0.75)
})

it('compares with what was recent: above or below the last twenty, wherever these wander', async () => {
  const random = openRandom(1, 'wandering')
  const seen: number[] = []
  let level = 0
  const rows = Array.from({ length: 700 }, (): Row => {
    level += random.normal()
    const x = level + 2 * random.normal()
    const last = seen.slice(-20)
    const mean = last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length)
    seen.push(x)
    return [[x], x > mean ? 'above' : 'below']
  })
  const [recent, without] = [await lateAccuracy(rows, {}), await lateAccuracy(rows, { window: 0 })]
  expect(recent).toBeGreaterThan(0.8)
  expect(without).toBeLessThan(recent - 0.1)
})

/** A linear rule on eight numbers, and a sentinel in all of them at some of the rows. */
function linearRows(sentinels: Readonly<Record<number, number>>, count = 500): readonly Row[] {
  const random = openRandom(3, 'linear')
  const rule = Array.from({ length: 8 }, () => random.normal())
  return Array.from({ length: count }, (_, at): Row => {
    const z = rule.map(() => random.normal())
    const label = z.reduce((sum, x, place) => sum + x * rule[place]!, 0) > 0 ? 'yes' : 'no'
    return [at in sentinels ? z.map(() => sentinels[at]!) : z, label]
  })
}

it.each([
  ['in the middle', { 250: 9999 }],
  ['in the first row', { 0: 9999 }],
  ['in the third row, and of another kind later', { 2: -999, 120: 9999, 310: 1e9 }],
])('a sentinel %s costs almost no accuracy', async (_, sentinels) => {
  const adapter = { method: 'head' }
  const clean = await lateAccuracy(linearRows({}), {}, { adapter })
  expect(clean).toBeGreaterThan(0.93)
  expect(await lateAccuracy(linearRows(sentinels), {}, { adapter })).toBeGreaterThan(clean - 0.08)
})

it('nor does it with hidden layers, pieces and a recent part', async () => {
  const clean = await lateAccuracy(linearRows({}), {})
  const found = await lateAccuracy(linearRows({ 1: 9999, 250: -999 }), {})
  expect(found).toBeGreaterThan(clean - 0.05)
})

describe('a stream of 1,500 rows', () => {
  /** After row 900. */
  const changed = (
    change: (row: readonly number[], at: number) => readonly number[],
    count: number,
  ) =>
    linearRows({}, 1500).map(([row, label], at): Row => {
      const since = at - 900
      return [since >= 0 && since < count ? change(row, since) : row, label]
    })
  const run = changed((row, at) => row.map(() => (at % 2 === 0 ? 1e15 : -1e15)), 100)
  const otherUnits = changed((row) => row.map((x) => 1000 * x + 50_000), 600)

  it.each([
    ['a head alone', { adapter: { method: 'head' } }],
    ['the default recipe', {}],
  ])('that has 100 rows at ±1e15 is learned as well afterwards: %s', async (_, settings) => {
    const clean = await lateAccuracy(linearRows({}, 1500), {}, settings)
    expect(await lateAccuracy(run, {}, settings)).toBeGreaterThan(clean - 0.03)
  })

  it('with 100 of the first 800 rows 12 deviations off costs little', async () => {
    const head = { adapter: { method: 'head' } }
    const rows = linearRows({}, 800)
    const run = rows.map(([row, label], at): Row => [
      at >= 500 && at < 600 ? row.map(() => 12) : row,
      label,
    ])
    const clean = await lateAccuracy(rows, {}, head)
    expect(await lateAccuracy(run, {}, head)).toBeGreaterThan(clean - 0.03)
  })

  it('that goes on in other units is learned in these', async () => {
    expect(await lateAccuracy(otherUnits, {}, { adapter: { method: 'head' } })).toBeGreaterThan(0.7)
  })
})

describe('numbers are answered as well, within a tenth of the mean error', () => {
  const HELD_OUT = 200
  const numberRows = (count: number) => {
    const random = openRandom(3, 'numbers')
    const rule = Array.from({ length: 6 }, () => random.normal())
    return Array.from({ length: count + HELD_OUT }, (): readonly [number[], number] => {
      const z = rule.map(() => random.normal())
      const sum = z.reduce((all, x, place) => all + x * rule[place]!, 0)
      return [z, 50 + 10 * sum + random.normal()]
    })
  }
  /** Of answers to the last rows, which nothing learned, after all others. */
  async function meanError(rows: readonly Row[], settings: object) {
    const model = await openTableLearner(6, { task: 'regression', ...settings })
    model.feed(rows.slice(0, -HELD_OUT))
    const heldOut = rows.slice(-HELD_OUT)
    const examples = heldOut.map((row, at) => model.exampleOf(row, `held out ${at}`))
    const latents = model.latentsOf(examples)
    const told = model.learner.scoring.versionOn(examples)
    let next = told.next()
    while (next.done !== true) next = told.next(latents)
    await model.close()
    const off = next.value.map(({ answer }, at) =>
      Math.abs(Number(answer) - Number(heldOut[at]![1])),
    )
    return off.reduce((sum, each) => sum + each, 0) / HELD_OUT
  }
  const head = { adapter: { method: 'head' } }
  const outlying = (at: number) => (at % 2 === 0 ? 1e15 : -1e15)

  it('with one 9999999 among the first eight targets', async () => {
    const clean = await meanError(numberRows(400), head)
    expect(clean).toBeLessThan(1)
    for (const place of [0, 3, 7]) {
      const rows = numberRows(400).map(([z, y], at) => [z, at === place ? 9_999_999 : y] as const)
      expect(await meanError(rows, head), String(place)).toBeLessThan(1.1 * clean)
    }
  })

  it.each([
    ['a head alone', head, outlying],
    ['a head alone, of one sign', head, () => 1e15],
    ['the default recipe', {}, outlying],
  ])('with a run of 100 targets at ±1e15: %s', async (_, settings, wrong) => {
    const rows = numberRows(500)
    const clean = await meanError(rows, settings)
    const run = rows.map(([z, y], at) => [z, at >= 150 && at < 250 ? wrong(at) : y] as const)
    expect(await meanError(run, settings)).toBeLessThan(1.1 * clean)
  })

  it('where one of six sources sends nine of ten targets, all of them at 1e15', async () => {
    const settings = { maxShare: 0.1, fromSources: 5, trusted: [], maxWeight: 1, maxUpdate: 0.5 }
    const task = openRegression({ loss: 'huber', huber_delta: 1 })
    const encoded = { data: new Float32Array() }
    const latent = { positions: 1, width: 0, data: encoded.data }
    const defence = new Defence({ ...settings, quarantines: true, sources: 100 }, task)
    const isLearned = (source: string, at: number) => {
      const example = { ...identified(source, String(at)), encoded, target: 0, weight: 1 }
      const judged = {
        example,
        latent,
        score: () => ({ error: 0, loss: 0, answer: 0 }),
        timeMs: at,
      }
      return defence.judge(judged, []).verdict === 'learn'
    }
    let hostile = 0
    const rows = numberRows(400).flatMap(([z, y], at) => {
      const isHeldOut = at >= 400
      const flood = Array.from({ length: at < 60 || isHeldOut ? 0 : 9 }, () => [z, 1e15] as const)
      const taught = flood.filter((_, each) => isLearned('x', 10 * at + each))
      hostile += taught.length
      return isHeldOut || isLearned(`s${at % 5}`, 10 * at + 9)
        ? [...taught, [z, y] as const]
        : taught
    })
    expect(hostile).toBeGreaterThan(20)
    expect(await meanError(rows, head)).toBeLessThan(1.1 * (await meanError(numberRows(400), head)))
  })
})

/** Of the answers to the last 200 rows, each given before its row was learned. */
async function lateAccuracy(
  rows: readonly Row[],
  features: object,
  others: object = {},
): Promise<number> {
  const model = await openTableLearner(rows[0]![0].length, {
    ...others,
    features,
    // The network by itself.
    memory: { policy: 'none' },
  })
  model.feed(rows.slice(0, -200))
  const early = model.right
  model.feed(rows.slice(-200))
  const late = model.right - early
  await model.close()
  return late / 200
}
