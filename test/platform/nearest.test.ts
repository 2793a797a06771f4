import { expect, test } from 'vitest'
import { editDistance, nearest } from '../../src/platform/nearest.ts'

test.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['abc', '', 3],
  ['kitten', 'sitting', 3],
  ['rank', 'rnak', 1],
  ['a', 'b', 1],
  ['ab', 'ba', 1],
  ['trigger', 'triger', 1],
  ['ca', 'abc', 3],
])('the distance from "%s" to "%s" is %d', (from, to, distance) => {
  expect(editDistance(from, to)).toBe(distance)
  expect(editDistance(to, from)).toBe(distance)
})

test('the nearest word wins, and equal ones go by the alphabet', () => {
  expect(nearest('rnak', ['alpha', 'rank', 'tail_layers'])).toBe('rank')
  expect(nearest('xa', ['xc', 'xb'])).toBe('xb')
})

test('a word that resembles nothing gets no guess', () => {
  expect(nearest('zebra', ['rank', 'alpha'])).toBeUndefined()
  expect(nearest('anything', [])).toBeUndefined()
})
