/** Half precision: what it can hold is held exactly, everything else goes to the nearest, and what is too large is not taken. */
import { expect, test } from 'vitest'
import { fromHalves, toHalves } from '../../src/nn/containers/floats.ts'

const through = (...values: number[]) => [...fromHalves(toHalves(Float32Array.from(values))!)]

test('every finite half comes back as itself', () => {
  const isFinite = (half: number) => (half & 0x7c00) !== 0x7c00
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, half) => half).filter(isFinite)
  expect(toHalves(fromHalves(all))).toEqual(all)
})

test.each([
  ['to the nearest', 1.0004, 1],
  ['to the nearest above', 1.0006, 1 + 2 ** -10],
  ['ties to even', 1 + 2 ** -11, 1],
  ['ties to even above', 1 + 3 * 2 ** -11, 1 + 2 ** -9],
  ['into the next power of two', 2047.6, 2048],
  ['small ones to steps of 2⁻²⁴', 2.6 * 2 ** -24, 3 * 2 ** -24],
  ['to nothing', 2 ** -26, 0],
  ['negative ones alike', -0.1, -0.0999755859375],
])('rounds %s', (_, value, wanted) => {
  expect(through(value)).toEqual([wanted])
})

test.each([65505, -70000, Infinity, NaN])('does not take %d', (value) => {
  expect(toHalves(Float32Array.of(1, value))).toBeUndefined()
})
