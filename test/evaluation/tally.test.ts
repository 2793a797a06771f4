import { expect, test } from 'vitest'
import {
  emptyTally,
  isPossible,
  reportOf,
  tallied,
  type RowVerdict,
} from '../../src/evaluation/tally.ts'
import { openRandom } from '../../src/platform/random.ts'

const answered = (said: string, right: string): RowVerdict => ({
  error: Number(said !== right),
  cell: { said, right },
})
const times = <Item>(count: number, item: Item) => Array.from({ length: count }, () => item)

test('precision, recall and confusion of a worked example, also in two parts', () => {
  const rows = [
    ...times(6, answered('yes', 'yes')),
    ...times(2, answered('yes', 'no')),
    ...[answered('no', 'no'), answered('', 'no')],
  ]
  const whole = tallied(emptyTally('v1'), rows)
  const parts = tallied(tallied(emptyTally('v1'), rows.slice(0, 7)), rows.slice(7))
  expect(parts).toEqual(whole)
  const { rows: count, version } = reportOf('accuracy', whole)
  expect([count, version?.mean]).toEqual([10, 0.7])
  expect(version?.strata).toEqual([
    { name: 'yes', count: 6, precision: 0.75, recall: 1 },
    { name: 'no', count: 4, precision: 1, recall: 0.25 },
  ])
  expect(version?.confusion).toHaveLength(4)
  // Wilson's interval of 7 of 10, as R's prop.test without correction has it.
  expect(version?.low).toBeCloseTo(0.3968, 3)
  expect(version?.high).toBeCloseTo(0.8922, 3)
})

test('an interval of matched shares agrees with the published example', () => {
  // Approval of a prime minister, asked twice: 794, 150, 86, 570 (Agresti, Categorical Data Analysis, table 10.1).
  const [own, other]: [RowVerdict[], RowVerdict[]] = [[], []]
  for (const [count, first, second] of [
    [794, 0, 0],
    [150, 0, 1],
    [86, 1, 0],
    [570, 1, 1],
  ] as const) {
    own.push(...times(count, { error: first }))
    other.push(...times(count, { error: second }))
  }
  const { difference } = reportOf('accuracy', tallied(emptyTally('v2', 'v1'), own, other))
  expect(difference).toMatchObject({ better: 150, worse: 86, verdict: 'better' })
  expect(difference?.mean).toBeCloseTo(64 / 1600)
  expect(difference?.low).toBeCloseTo(0.0213, 3)
  expect(difference?.high).toBeCloseTo(0.0587, 3)
})

test('a mean distance has the interval of a paired t test, and less is better', () => {
  // Student's own example, the hours of sleep gained by ten patients (1908): 0.70 to 2.46 more.
  const [first, second] = [
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
  ].map((hours) => hours.map((hour) => ({ error: hour + 2 })))
  const { difference, version } = reportOf(
    'absolute_error',
    tallied(emptyTally('v2', 'v1'), second!, first),
  )
  expect(version?.strata).toBeUndefined()
  expect(difference).toMatchObject({ better: 0, worse: 9, verdict: 'worse' })
  expect(difference?.low).toBeCloseTo(0.7001, 2)
  expect(difference?.high).toBeCloseTo(2.4599, 2)
})

test('of equal versions one in twenty or fewer is called better or worse', () => {
  const random = openRandom('tally', 'equal')
  let wrong = 0
  for (let trial = 0; trial < 400; trial += 1) {
    const draw = () => times(60, 0).map(() => ({ error: Number(random.uniform() < 0.2) }))
    const { difference } = reportOf('accuracy', tallied(emptyTally('v2', 'v1'), draw(), draw()))
    wrong += Number(difference?.verdict !== 'undecided')
  }
  expect(wrong / 400).toBeLessThan(0.07)
})

test('without rows there is no score, with few no interval of a mean, and cells are bounded', () => {
  expect(reportOf('loss', emptyTally('v1'))).toEqual({ measure: 'loss', rows: 0 })
  const few = reportOf('loss', tallied(emptyTally('v1'), times(4, { error: 2 })))
  expect(few.version).toEqual({ version: 'v1', mean: 2 })
  const many = Array.from({ length: 1500 }, (_, at) => answered(`l${at}`, 'no'))
  const { version } = reportOf('accuracy', tallied(emptyTally('v1'), many))
  expect([version?.confusion?.length, version?.unlisted, version?.mean]).toEqual([1024, 476, 0])
})

test('tallies of rows are possible, whatever their errors', () => {
  const random = openRandom('tally', 'possible')
  for (const scale of [1e-150, 1e-9, 1, 1e9, 1e140]) {
    let tally = emptyTally('v1', 'v2')
    expect(isPossible('loss', tally)).toBe(true)
    for (let block = 0; block < 50; block++) {
      const errors = () =>
        times(20, 0).map(() => ({ error: scale * (block % 3 > 0 ? 1 : random.uniform()) }))
      tally = tallied(tally, errors(), errors())
      expect(isPossible('loss', tally)).toBe(true)
    }
  }
  const far = tallied(emptyTally('v1'), [{ error: 1e200 }])
  expect(isPossible('absolute_error', far)).toBe(false)
})
