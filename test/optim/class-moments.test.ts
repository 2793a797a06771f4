import { describe, expect, it } from 'vitest'
import type { Tensors } from '../../src/contracts/core.ts'
import { ClassMoments } from '../../src/optim/heads/class-moments.ts'

const kinds = { needsMoments: true, subtractsMeans: true } as const

/** Sums of so many examples x of one class. */
function stored(x: readonly number[], count: number): Tensors {
  const moments = x.flatMap((value, row) => x.slice(0, row + 1).map((other) => value * other))
  const tensor = (shape: readonly number[], values: readonly number[]) => ({
    shape,
    data: Float32Array.from(values, (value) => count * value),
  })
  return new Map([
    ['sums/counts', tensor([1], [1])],
    ['sums/classes', tensor([1, x.length], x)],
    ['sums/moments', tensor([moments.length], moments)],
  ])
}

describe('the sums of a closed form', () => {
  it('keep counting and keep their means after sixteen million examples', () => {
    const x = [0.05, 0.3]
    const sums = new ClassMoments(2, 1, kinds)
    expect(sums.restore(stored(x, 2 ** 24), 1)).toBe(true)
    for (let at = 0; at < 100_000; at += 1) sums.add(Float32Array.from(x), new Map([[0, 1]]))
    const { counts, sums: all, moments } = sums.of([0])
    const count = 2 ** 24 + 100_000
    expect(counts[0]).toBe(count)
    for (const [at, value] of x.entries()) expect(all[at]! / count).toBeCloseTo(value, 7)
    for (const [at, value] of [0.0025, 0.015, 0.09].entries())
      expect(moments[at]! / count).toBeCloseTo(value, 7)
  })

  it('go on with the same bits after a checkpoint, and from one of single precision', () => {
    const add = (sums: ClassMoments, from: number) => {
      for (let at = from; at < from + 1000; at += 1)
        sums.add(Float32Array.of(0.1, Math.sin(at)), new Map([[0, 0.3]]))
    }
    const sums = new ClassMoments(2, 1, kinds)
    add(sums, 0)
    const other = new ClassMoments(2, 1, kinds)
    expect(other.restore(sums.snapshot(), 1)).toBe(true)
    for (const each of [sums, other]) add(each, 1000)
    expect(other.snapshot()).toEqual(sums.snapshot())
    const rounded = [...sums.snapshot()].filter(([name]) => !name.endsWith('_rest'))
    expect(other.restore(new Map(rounded), 1)).toBe(true)
    expect(other.of([0]).counts[0]).toBeCloseTo(sums.of([0]).counts[0]!, 4)
  })

  it('are exactly zero once all was taken back', () => {
    const sums = new ClassMoments(2, 1, kinds)
    const rows = [0.1, 0.7, 0.3].map((value) => Float32Array.of(value, 1 / value))
    for (const x of rows) sums.add(x, new Map([[0, 1]]))
    for (const x of rows) sums.subtractAll([{ x, shares: new Map([[0, 1]]) }])
    for (const { data } of sums.snapshot().values())
      expect([...data].every((value) => value === 0)).toBe(true)
  })
})
