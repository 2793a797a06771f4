import { expect, test } from 'vitest'
import { openDropout } from '../../src/nn/dropout.ts'

const length = 100_000

test.each([0.05, 0.5, 0.9])('a mask of rate %d keeps its share, and 1 on average', (rate) => {
  const mask = openDropout('7/all')(length, rate, 'a site')
  const kept = mask.filter((value) => value !== 0)
  expect(new Set(kept)).toEqual(new Set([Math.fround(1 / (1 - rate))]))
  // Four standard deviations of a binomial share.
  const far = 4 * Math.sqrt((rate * (1 - rate)) / length)
  expect(Math.abs(kept.length / length - (1 - rate))).toBeLessThan(far)
})

test('a mask follows from step, group and place, and from nothing else', () => {
  const draw = (seed: string, group: number, place: string) =>
    openDropout(seed, group)(length, 0.5, place)
  const mask = draw('7/all', 0, 'a')
  expect(draw('7/all', 0, 'a')).toEqual(mask)
  for (const other of [draw('8/all', 0, 'a'), draw('7/all', 1, 'a'), draw('7/all', 0, 'b')]) {
    const both = other.filter((value, at) => value !== 0 && mask[at] !== 0).length
    expect(Math.abs(both / length - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / length))
  }
})

test('neighbours in a mask are independent', () => {
  const mask = openDropout('1/all')(length, 0.5, 'a')
  for (const distance of [1, 2, 16, 384]) {
    const both = mask.filter((value, at) => value !== 0 && (mask[at + distance] ?? 0) !== 0).length
    expect(Math.abs(both / length - 0.25), `${distance}`).toBeLessThan(0.007)
  }
})
