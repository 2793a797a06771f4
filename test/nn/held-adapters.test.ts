import { expect, test } from 'vitest'
import { openHeldAdapters } from '../../src/nn/onnx/held-adapters.ts'
import type { Feeds } from '../../src/nn/onnx/session.ts'

const adapter = (...values: number[]): Feeds => ({
  'param/w': { shape: [values.length], data: Float32Array.from(values) },
})

test('one adapter is its own stack, without a copy', () => {
  const held = openHeldAdapters()
  const tensors = adapter(1, 2)
  held.hold('a', tensors)
  const stacked = held.stack(['a'])['param/w']!
  expect(stacked.dims).toEqual([1, 2])
  expect(stacked.data).toBe(tensors['param/w']!.data)
})

test('several adapters stack in the order that was asked for', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1, 2))
  held.hold('b', adapter(3, 4))
  const stacked = held.stack(['b', 'a'])['param/w']!
  expect(stacked.dims).toEqual([2, 2])
  expect([...(stacked.data as Float32Array)]).toEqual([3, 4, 1, 2])
})

test('a stack is kept for the next run, and made anew when one of its adapters changes', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1))
  held.hold('b', adapter(2))
  const first = held.stack(['a', 'b'])
  expect(held.stack(['a', 'b'])).toBe(first)
  held.hold('b', adapter(5))
  expect([...(held.stack(['a', 'b'])['param/w']!.data as Float32Array)]).toEqual([1, 5])
})

test('an adapter that was dropped is not found any more, alone or in a stack', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1))
  held.hold('b', adapter(2))
  held.stack(['a', 'b'])
  held.drop('b')
  expect(() => held.stack(['b'])).toThrow('b is not loaded')
  expect(() => held.stack(['a', 'b'])).toThrow('b is not loaded')
  expect(held.stack(['a'])['param/w']!.dims).toEqual([1, 1])
})

test('adapters of different shapes do not stack', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1))
  held.hold('b', adapter(2, 3))
  expect(() => held.stack(['a', 'b'])).toThrow('differs in shape')
})
