/** An update may move the weights by a part of their length; what is longer is scaled back, and keeps its direction. */
import { expect, test } from 'vitest'
import type { TrainableState } from '../../src/contracts/adapter.ts'
import { boundUpdate } from '../../src/optim/update-bound.ts'

const tensor = (...values: number[]) => ({
  shape: [values.length],
  data: Float32Array.from(values),
})

function state(weights: readonly number[], steps: number, statistic = 0): TrainableState {
  return {
    head: ['a', 'b'],
    steps,
    tensors: new Map([
      ['head.weight', tensor(...weights)],
      ['optimizer/m/head.weight', tensor(...weights.map(() => 1))],
      ['head.count', tensor(statistic)],
    ]),
  }
}

const weightsOf = (bound: ReturnType<typeof boundUpdate>) => [
  ...bound!.state.tensors.get('head.weight')!.data,
]

test('an update within its bound stays, and a longer one is scaled back', () => {
  expect(boundUpdate(state([3, 4], 100), state([3, 6], 110), 0.5)).toBeUndefined()
  const bound = boundUpdate(state([3, 4], 100), state([3, 9], 110), 0.5)
  expect(bound!.factor).toBeCloseTo(0.5)
  expect(weightsOf(bound)).toEqual([3, 6.5])
})

test('statistics and moments are not weights: they count nothing and stay as they are', () => {
  const counted = ['head.count']
  expect(boundUpdate(state([3, 4], 100), state([3, 4], 110, 1e6), 0.5, counted)).toBeUndefined()
  const bound = boundUpdate(state([3, 4], 100, 1), state([3, 9], 110, 7), 0.5, counted)
  expect([...bound!.state.tensors.get('head.count')!.data]).toEqual([7])
  expect([...bound!.state.tensors.get('optimizer/m/head.weight')!.data]).toEqual([1, 1])
})

test('plain SGD keeps no moments, and its weights are bound all the same', () => {
  const plain = (weights: readonly number[], steps: number): TrainableState => ({
    head: ['a', 'b'],
    steps,
    tensors: new Map([
      ['head.weight', tensor(...weights)],
      ['forgetting/anchor/head.weight', tensor(...weights.map((value) => value * steps))],
    ]),
  })
  const bound = boundUpdate(plain([3, 4], 100), plain([3, 9], 110), 0.5)
  expect(bound!.factor).toBeCloseTo(0.5)
  expect(weightsOf(bound)).toEqual([3, 6.5])
  expect([...bound!.state.tensors.get('forgetting/anchor/head.weight')!.data]).toEqual([330, 990])
})

test('first steps, weights of zero, a fresh adapter and a head with more outputs have nothing to compare with', () => {
  expect(boundUpdate(state([3, 4], 5), state([30, 40], 10), 0.5)).toBeUndefined()
  expect(boundUpdate(state([0, 0], 100), state([1, 1], 110), 0.5)).toBeUndefined()
  expect(boundUpdate(state([3, 4], 100), state([1, 1], 2), 0.5)).toBeUndefined()
  expect(boundUpdate(state([3, 4], 100), state([3, 9, 9], 110), 0.5)).toBeUndefined()
})
