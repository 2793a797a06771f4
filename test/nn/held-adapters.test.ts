import { expect, test } from 'vitest'
import { openHeldAdapters, type HeldAdapters } from '../../src/nn/onnx/held-adapters.ts'
import type { Feeds } from '../../src/nn/onnx/session.ts'

const adapter = (...values: number[]): Feeds => ({
  'param/w': { shape: [values.length], data: Float32Array.from(values) },
})

/** The values that a row of each adapter gathers. */
function gathered(held: HeldAdapters, keys: readonly string[]): readonly number[][] {
  const { tensors, places } = held.stack(keys)
  const { dims, data } = tensors['param/w']!
  const [, width = 0] = dims
  return places.map((place) => [
    ...(data as Float32Array).subarray(place * width, (place + 1) * width),
  ])
}

test('adapters of equal shapes share one stack, and each has a place in it', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1, 2))
  held.hold('b', adapter(3, 4))
  expect(gathered(held, ['b', 'a'])).toEqual([
    [3, 4],
    [1, 2],
  ])
  expect(held.stack(['a']).tensors).toBe(held.stack(['b', 'a']).tensors)
})

test('a run over any of a hundred adapters builds nothing', () => {
  const held = openHeldAdapters()
  const keys = Array.from({ length: 100 }, (_, at) => `a${at}`)
  for (const [at, key] of keys.entries()) held.hold(key, adapter(at, at + 1))
  const { tensors } = held.stack(keys)
  expect(gathered(held, keys)).toEqual(keys.map((_, at) => [at, at + 1]))
  for (const at of [0, 37, 99]) expect(held.stack([keys[at]!]).tensors).toBe(tensors)
})

test('another adapter under the same key is the one that is gathered next', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1))
  held.hold('b', adapter(2))
  held.hold('b', adapter(5))
  expect(gathered(held, ['a', 'b'])).toEqual([[1], [5]])
})

test('the place of a dropped adapter is used again, so that swaps do not grow a stack', () => {
  const held = openHeldAdapters()
  held.hold('live', adapter(0))
  for (let swap = 1; swap <= 50; swap += 1) {
    held.hold(`v${swap}`, adapter(swap))
    held.drop(`v${swap - 1}`)
  }
  expect(held.stack(['live']).tensors['param/w']!.dims[0]).toBeLessThanOrEqual(4)
  expect(gathered(held, ['live', 'v50'])).toEqual([[0], [50]])
})

test('an adapter that was dropped is not found any more, alone or in a run with others', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1))
  held.hold('b', adapter(2))
  held.stack(['a', 'b'])
  held.drop('b')
  expect(() => held.stack(['b'])).toThrow('b is not loaded')
  expect(() => held.stack(['a', 'b'])).toThrow('b is not loaded')
  expect(gathered(held, ['a'])).toEqual([[1]])
})

test('a full stack is followed by another, and a run over both finds each adapter', () => {
  const held = openHeldAdapters(2 * 4)
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) held.hold(key, adapter(at))
  expect(held.stack(['a', 'b']).tensors).not.toBe(held.stack(['c', 'd']).tensors)
  expect(gathered(held, ['d', 'a', 'b'])).toEqual([[3], [0], [1]])
  expect(held.stack(['d', 'a', 'b']).tensors).toBe(held.stack(['d', 'a', 'b']).tensors)
  held.hold('a', adapter(9))
  expect(gathered(held, ['d', 'a', 'b'])).toEqual([[3], [9], [1]])
})

test('adapters of different shapes have different stacks, and no run together', () => {
  const held = openHeldAdapters()
  held.hold('a', adapter(1))
  held.hold('b', adapter(2, 3))
  expect(gathered(held, ['b'])).toEqual([[2, 3]])
  expect(() => held.stack(['a', 'b'])).toThrow('differs in shape')
})

test('an adapter that runs alone is its own stack, without a copy', () => {
  const held = openHeldAdapters()
  const tensors = adapter(1, 2)
  held.hold('big', tensors, true)
  held.hold('other', adapter(1, 2), true)
  const { tensors: stack, places } = held.stack(['big'])
  expect(stack['param/w']!.dims).toEqual([1, 2])
  expect(stack['param/w']!.data).toBe(tensors['param/w']!.data)
  expect(places).toEqual([0])
  expect(() => held.stack(['big', 'other'])).toThrow('alone')
})
