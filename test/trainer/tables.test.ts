/** The recipe for tables, as a config without an adapter gives it, learns what a linear model on the same numbers cannot. */
import { describe, expect, it } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
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
    ['a head alone nearly', { adapter: { method: 'head' } }, 0.15],
    ['the default recipe', {}, 0.05],
  ])('that has 100 rows at ±1e15 is learned as well afterwards: %s', async (_, settings, less) => {
    const clean = await lateAccuracy(linearRows({}, 1500), {}, settings)
    expect(await lateAccuracy(run, {}, settings)).toBeGreaterThan(clean - less)
  })

  it('that goes on in other units is learned in these', async () => {
    expect(await lateAccuracy(otherUnits, {}, { adapter: { method: 'head' } })).toBeGreaterThan(0.7)
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
