import { expect, test } from 'vitest'
import { orthonormal } from '../../src/adapters/orthonormal.ts'
import type { Tensor } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'

const random = openRandom(1, 'orthonormal')
const drawn = (rows: number, columns: number, size = 1): Tensor => ({
  shape: [rows, columns],
  data: Float32Array.from({ length: rows * columns }, () => size * random.normal()),
})

/** Oneᵀ·other. */
function product(one: Tensor, other: Tensor): number[][] {
  const [rows = 0, columns = 0] = one.shape
  const all = Array.from({ length: columns }, (_, at) => at)
  const at = ({ data }: Tensor, row: number, column: number) => data[row * columns + column]!
  return all.map((i) =>
    all.map((j) => {
      let sum = 0
      for (let row = 0; row < rows; row += 1) sum += at(one, row, i) * at(other, row, j)
      return sum
    }),
  )
}

function farFromIdentity(gram: readonly number[][]): number {
  return Math.max(...gram.flatMap((row, i) => row.map((v, j) => Math.abs(v - (i === j ? 1 : 0)))))
}

test.each([
  ['small', drawn(16, 3, 1e-3)],
  ['big', drawn(16, 3, 1e3)],
  ['square', drawn(8, 8)],
  ['a single column', drawn(5, 1)],
  ['large', drawn(512, 16)],
  ['all but dependent', { shape: [3, 2], data: Float32Array.of(1, 1, 1, 1, 0, 1e-4) }],
] as const)('columns that are %s become orthonormal', (_, x) => {
  const q = orthonormal(x)
  expect(farFromIdentity(product(q, q))).toBeLessThan(1e-6)
})

test('it is the nearest one: what leads there from it is symmetric, and shrinks nothing below 0', () => {
  const x = drawn(12, 4)
  const led = product(orthonormal(x), x)
  for (const [i, row] of led.entries())
    for (const [j, value] of row.entries()) expect(value).toBeCloseTo(led[j]![i]!, 5)
  // Each principal minor of two, by the criterion of Sylvester.
  for (let i = 0; i < 4; i += 1) expect(led[i]![i]).toBeGreaterThan(0)
  expect(led[0]![0]! * led[1]![1]! - led[0]![1]! * led[1]![0]!).toBeGreaterThan(0)
})

test('one that is orthonormal stays, also after a step along its own columns', () => {
  const q = orthonormal(drawn(16, 2))
  const near = (other: Tensor) => Math.max(...other.data.map((v, at) => Math.abs(v - q.data[at]!)))
  expect(near(orthonormal(q))).toBeLessThan(1e-6)
  // q·S for the symmetric S = [[1.1, 0.2], [0.2, 0.9]].
  const data = q.data.map((value, at) => {
    const other = q.data[at % 2 === 0 ? at + 1 : at - 1]!
    return (at % 2 === 0 ? 1.1 : 0.9) * value + 0.2 * other
  })
  expect(near(orthonormal({ shape: [16, 2], data }))).toBeLessThan(1e-6)
})
