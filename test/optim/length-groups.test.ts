import { expect, it } from 'vitest'
import { lengthGroups, packedGroups } from '../../src/optim/engines/batch.ts'
import { fc } from '../properties.ts'

const lengthsOf = (groups: readonly number[][], lengths: readonly number[]) =>
  groups.map((group) => group.map((row) => lengths[row]!))

it('rows of like length stay together', () => {
  expect(lengthGroups([])).toEqual([])
  expect(lengthGroups([5, 9, 7])).toEqual([[0, 2, 1]])
})

it('a few long rows do not pad many short ones', () => {
  const lengths = [64, ...Array.from({ length: 30 }, () => 10), 60]
  expect(lengthsOf(lengthGroups(lengths), lengths)).toEqual([
    Array.from({ length: 30 }, () => 10),
    [60, 64],
  ])
})

it('every row is in exactly one group, and no other cut into at most two groups is cheaper', () => {
  const cost = (group: readonly number[]) => 256 + group.length * Math.max(...group)
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 128 }), { minLength: 1, maxLength: 40 }),
      (lengths) => {
        const groups = lengthGroups(lengths)
        expect(groups.flat().toSorted((a, b) => a - b)).toEqual(lengths.map((_, row) => row))
        const total = lengthsOf(groups, lengths).reduce((sum, group) => sum + cost(group), 0)
        const sorted = lengths.toSorted((a, b) => a - b)
        expect(total).toBeLessThanOrEqual(cost(sorted))
        for (let at = 1; at < sorted.length; at += 1)
          expect(total).toBeLessThanOrEqual(cost(sorted.slice(0, at)) + cost(sorted.slice(at)))
      },
    ),
    { seed: 1 },
  )
})

it('packed rows part only where attention over the longest would cost more than another group', () => {
  expect(packedGroups([64, ...Array.from({ length: 30 }, () => 10), 60])).toHaveLength(1)
  const mixed = [512, ...Array.from({ length: 30 }, () => 10)]
  expect(lengthsOf(packedGroups(mixed), mixed)).toEqual([mixed.slice(1), [512]])
})
