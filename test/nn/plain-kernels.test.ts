/** The kernels of the plain engine against loops, over sizes that fill no vector and sizes that fill several. */
import { describe, expect, test } from 'vitest'
import type * as Memory from '../../src/nn/js/wasm/memory.ts'
import { Arena, double, floats, kernels, openBlocks } from '../../src/nn/js/wasm/memory.ts'
import { openRandom } from '../../src/platform/random.ts'

const random = openRandom(1, 'kernels')
const arena = new Arena({ isTape: false })
const take = (count: number) => arena.take(count)

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
          kernels.product(c.at, a.at, b.at, m, n, k, 4 * k)
          expectNear(c.view, wanted)
          const turned = drawn(k * m)
          kernels.transpose(turned.at, a.at, m, k)
          c.view.set(before)
          kernels.turnedProduct(c.at, turned.at, b.at, m, n, k, 4 * m)
          expectNear(c.view, wanted)
          kernels.turnedProductOver(c.at, turned.at, b.at, m, n, k, 4 * m)
          expectNear(
            c.view,
            wanted.map((value, place) => value - before[place]!),
          )
        }
    },
  )

  test.each([[1], [3], [4], [15], [16], [37]])(
    'multiply a column by a row of %i numbers, to the bits of the general product',
    (n) => {
      const m = 5
      const [a, b, c, wanted] = [drawn(m), drawn(n), drawn(m * n), drawn(m * n)]
      a.view[0] = -0
      kernels.outerProduct(c.at, a.at, b.at, m, n)
      kernels.turnedProductOver(wanted.at, a.at, b.at, m, n, 1, 4 * m)
      expect(bitsOf(c.view)).toEqual(bitsOf(wanted.view))
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

  test('add squares up in double precision', () => {
    const { at, view } = drawn(8)
    view.set([1e20, 3, -4, 1e-20, 5, 0, 0, 1e20])
    const sum = take(2)
    kernels.squares(sum, at, 8)
    expect(double(sum)[0]).toBe([...view].reduce((total, x) => total + x * x, 0))
  })

  test('views stay valid when the memory grows', () => {
    const { view, at } = drawn(4)
    const before = [...view]
    const large = take(2 ** 22)
    floats(large, 1)[0] = 1
    expect([...floats(at, 4)]).toEqual(before)
    expect([...view]).toEqual(before)
  })

  test('the oldest tapes give their memory to others beyond the limit, and weights never do', async () => {
    // A memory of its own: others of this process have tapes and holes.
    const own = '../../src/nn/js/wasm/memory.ts?own'
    const { Arena, kernelMemory } = (await import(own)) as typeof Memory
    const [kept, first, second] = [false, true, true].map((isTape) => new Arena({ isTape }))
    const used = kernelMemory.usedBytes
    kernelMemory.limit(used + 3 * 2 ** 20)
    for (const each of [kept!, first!, second!]) each.take(2 ** 18)
    expect(kernelMemory.usedBytes).toBe(used + 3 * 2 ** 20)
    first!.used()
    const third = new Arena({ isTape: true })
    third.take(2 ** 18)
    expect([kept, first, second, third].map((each) => each!.isOpen)).toEqual([
      true,
      true,
      false,
      true,
    ])
    const message = expect.objectContaining({ code: 'KERNEL_MEMORY_FULL' }) as Error
    expect(() => third.take(2 ** 20)).toThrow(message)
    for (const each of [kept!, first!, third]) each.close()
    expect(kernelMemory.usedBytes).toBe(used)
  })

  test('free blocks are joined with their neighbours, in any order', () => {
    const blocks = openBlocks(() => undefined)
    blocks.limitBytes = 400
    for (const order of [
      [0, 1, 2, 3],
      [3, 2, 1, 0],
      [1, 3, 0, 2],
      [2, 0, 3, 1],
    ]) {
      const taken = order.map(() => blocks.take(100)!)
      expect(taken.toSorted((a, b) => a - b)).toEqual([0, 100, 200, 300])
      expect(blocks.take(1)).toBeUndefined()
      for (const at of order) blocks.free(taken[at]!, 100)
      expect(blocks.usedBytes).toBe(0)
      const whole = blocks.take(400)
      expect(whole).toBe(0)
      blocks.free(0, 400)
    }
  })
})

function bitsOf({ buffer, byteOffset, length }: Float32Array): readonly number[] {
  return [...new Uint32Array(buffer, byteOffset, length)]
}

function expectNear(found: ArrayLike<number>, wanted: ArrayLike<number>): void {
  expect(found.length).toBe(wanted.length)
  const off = Array.from(
    wanted,
    (value, at) => Math.abs(found[at]! - value) / (1 + Math.abs(value)),
  )
  expect(Math.max(...off)).toBeLessThan(1e-5)
}
