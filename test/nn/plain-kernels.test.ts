/** The kernels of the plain engine against loops, over sizes that fill no vector and sizes that fill several. */
import { describe, expect, test } from 'vitest'
import { beginTape, floats, isValid, kernels, take } from '../../src/nn/js/wasm/memory.ts'
import { openRandom } from '../../src/platform/random.ts'

const random = openRandom(1, 'kernels')

function drawn(count: number) {
  const at = take(count)
  const view = floats(at, count)
  for (let i = 0; i < count; i += 1) view[i] = random.normal()
  return { at, view }
}

describe('the kernels of the plain engine', () => {
  test.each([[1], [2], [3], [4], [5], [7], [8], [9], [16], [17], [77]])(
    'multiply by a matrix of %i columns, and by its transpose',
    (n) => {
      for (const m of [1, 3, 4, 6])
        for (const k of [1, 5, 8]) {
          const [a, b, c] = [drawn(m * k), drawn(k * n), drawn(m * n)]
          const before = [...c.view]
          const wanted = before.map((value, place) => {
            const [row, column] = [Math.floor(place / n), place % n]
            let sum = value
            for (let i = 0; i < k; i += 1) sum += a.view[row * k + i]! * b.view[i * n + column]!
            return sum
          })
          kernels.product(c.at, a.at, b.at, m, n, k, 4 * k, 4)
          expectNear(c.view, wanted)
          const turned = drawn(k * m)
          kernels.transpose(turned.at, a.at, m, k)
          c.view.set(before)
          kernels.product(c.at, turned.at, b.at, m, n, k, 4, 4 * m)
          expectNear(c.view, wanted)
        }
    },
  )

  test.each([[1], [3], [4], [6], [8], [13]])('go through rows of %i numbers', (n) => {
    const rows = 3
    const [a, b, row, to] = [drawn(rows * n), drawn(rows * n), drawn(n), drawn(rows * n)]
    const step = 4 * n
    kernels.sub(to.at, a.at, row.at, rows, n, step, step, 0)
    expectNear(
      to.view,
      [...a.view].map((value, at) => value - row.view[at % n]!),
    )
    kernels.max(to.at, a.at, b.at, 1, rows * n, 0, 0, 0)
    expectNear(
      to.view,
      [...a.view].map((value, at) => Math.max(value, b.view[at]!)),
    )
    kernels.divFrom(to.at, row.at, a.at, 1, rows * n, 0, 0, 0)
    expectNear(
      to.view,
      [...a.view].map((value) => row.view[0]! / value),
    )
    kernels.where(to.at, a.at, b.at, 1, rows * n, 0, 0, 0)
    expectNear(
      to.view,
      [...a.view].map((value, at) => (b.view[at]! > 0 ? value : 0)),
    )
    const sums = [...row.view].map((value, at) =>
      Array.from({ length: rows }, (_, of) => a.view[of * n + at]!).reduce((x, y) => x + y, value),
    )
    kernels.add(row.at, row.at, a.at, rows, n, 0, 0, step)
    expectNear(row.view, sums)
  })

  test('views stay valid when the memory grows, and tapes begin again once all are too large', () => {
    const begun = beginTape()
    const { view, at } = drawn(4)
    const before = [...view]
    const large = take(2 ** 25)
    floats(large, 1)[0] = 1
    expect([...floats(at, 4)]).toEqual(before)
    expect([...view]).toEqual(before)
    expect(isValid(begun)).toBe(true)
    beginTape()
    expect(isValid(begun)).toBe(false)
  })
})

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length)
  const off = Array.from(
    wanted,
    (value, at) => Math.abs(found[at]! - value) / (1 + Math.abs(value)),
  )
  expect(Math.max(...off)).toBeLessThan(1e-5)
}
