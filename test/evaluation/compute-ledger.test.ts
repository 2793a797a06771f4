/** What learning has cost, in all and within an hour. */
import { expect, test } from 'vitest'
import {
  hourOf,
  noCompute,
  roomAtMs,
  withCost,
  type ComputeState,
} from '../../src/evaluation/compute-ledger.ts'

const minute = (at: number) => at * 60_000
const cost = (training: number, evaluation = 0) => ({ training, evaluation })

function spent(...costs: readonly (readonly [minute: number, seconds: number])[]): ComputeState {
  return costs.reduce(
    (state, [at, seconds]) => withCost(state, cost(seconds), minute(at)),
    noCompute,
  )
}

test('training and evaluation are summed for ever, and within an hour together', () => {
  const state = withCost(withCost(noCompute, cost(3, 1), minute(5)), cost(2, 0.5), minute(5) + 999)
  expect(state).toMatchObject({ training: 5, evaluation: 1.5, minutes: [[5, 6.5]] })
  expect(hourOf(state, minute(64))).toBe(6.5)
  expect(hourOf(state, minute(65))).toBe(0)
})

test('an hour takes at most sixty numbers', () => {
  const state = spent(...Array.from({ length: 500 }, (_, at) => [at, 1] as const))
  expect(state.minutes).toHaveLength(60)
  expect(state.training).toBe(500)
})

test('a budget has room when enough of the hour has passed', () => {
  const state = spent([0, 10], [10, 10], [20, 10])
  expect(roomAtMs(state, 31, minute(20))).toBeUndefined()
  expect(roomAtMs(state, 30, minute(20))).toBe(minute(60))
  expect(roomAtMs(state, 15, minute(20))).toBe(minute(70))
  expect(hourOf(state, minute(70))).toBeLessThan(15)
})

test('a clock that was set back blocks nothing for longer than an hour', () => {
  const state = spent([10_000, 50])
  expect(hourOf(state, minute(9_990))).toBe(50)
  expect(hourOf(state, minute(9_940))).toBe(0)
  expect(withCost(state, cost(1), minute(9_000)).minutes).toEqual([[9_000, 1]])
})
