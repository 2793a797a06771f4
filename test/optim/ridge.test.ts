/** The reference regression: what it answers, that few wrong labels hardly move it, and that it equals the exact solution. */
import { describe, expect, test } from 'vitest'
import { fitRidge, type RidgeRow } from '../../src/optim/heads/ridge.ts'
import { openRandom } from '../../src/platform/random.ts'

const random = openRandom(7, 'ridge')
const number = () => 2 * random.uniform() - 1

/** Two clouds on the first axis, in eight dimensions. */
function cloud(count: number, flips = 0): readonly RidgeRow[] {
  return Array.from({ length: count }, (_, at) => {
    const column = at % 2
    const values = Float32Array.from({ length: 8 }, number)
    values[0] = (column === 0 ? 1 : -1) * (0.2 + random.uniform())
    return { values, column: at % 100 < 100 * flips ? 1 - column : column, weight: 1 }
  })
}

const rightOf = (rows: readonly RidgeRow[], ridge: ReturnType<typeof fitRidge>) =>
  rows.filter(({ values, column }) => {
    const [first = 0, second = 0] = ridge.scores(values)
    return (first > second ? 0 : 1) === column
  }).length / rows.length

describe('the ridge', () => {
  test('answers rows that it has not seen', () => {
    expect(rightOf(cloud(400), fitRidge(cloud(400), 2))).toBeGreaterThan(0.97)
  })

  test('hardly moves when three labels in ten are wrong', () => {
    expect(rightOf(cloud(400), fitRidge(cloud(600, 0.3), 2))).toBeGreaterThan(0.93)
  })

  test('tells three classes apart, and a row without weight says nothing', () => {
    const values = (at: number) => Float32Array.from([0, 1, 2], (each) => (each === at ? 1 : 0))
    const rows = Array.from({ length: 60 }, (_, at) => ({
      ...{ values: values(at % 3), column: at % 3, weight: 1 },
    }))
    const lies = rows.map((row) => ({ ...row, column: (row.column + 1) % 3, weight: 0 }))
    const scores = fitRidge([...rows, ...lies], 3).scores(values(2))
    expect(scores.indexOf(Math.max(...scores))).toBe(2)
  })

  test('leaves the say of a row out of its score, about as if it had been fitted without it', () => {
    const rows = cloud(120, 0.2)
    const ridge = fitRidge(rows, 2)
    const far = rows.map(({ values }, at) => {
      const without = fitRidge(rows.toSpliced(at, 1), 2).scores(values)[0] ?? 0
      const [own = 0, left = 0] = [ridge.scores(values)[0], ridge.leftOut(at)[0]]
      return { plain: Math.abs(own - without), left: Math.abs(left - without) }
    })
    const mean = (of: 'plain' | 'left') => far.reduce((sum, each) => sum + each[of], 0) / far.length
    expect(mean('left')).toBeLessThan(0.5 * mean('plain'))
  })

  test('fits the same rows again with other weights', () => {
    const rows = cloud(200, 0.3)
    const believed = rows.map((_, at) => (at % 100 < 30 ? 0 : 1))
    const again = fitRidge(rows, 2).reweighted(Float64Array.from(believed))
    const test = cloud(100)
    expect(rightOf(test, again)).toBeGreaterThan(0.97)
    const [first] = rows
    expect([...again.leftOut(0)]).toEqual([...again.scores(first!.values)])
  })

  test('a number that is missing, and one that never changes, say nothing', () => {
    const rows = cloud(200).map(({ values, ...row }) => ({
      ...row,
      values: Float32Array.from([...values, 5, Number.NaN]),
    }))
    const [zero] = rows
    const ridge = fitRidge(rows, 2)
    expect([...ridge.scores(zero!.values)].every(Number.isFinite)).toBe(true)
    const other = Float32Array.from([...zero!.values.slice(0, 8), 9, 1e9])
    expect([...ridge.scores(other)]).toEqual([...ridge.scores(zero!.values)])
  })
})
