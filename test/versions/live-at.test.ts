import { expect, test } from 'vitest'
import type { Routing } from '../../src/versions/contract.ts'
import { liveAt } from '../../src/versions/undone.ts'
import { rejection } from '../coded.ts'
import { fc } from '../properties.ts'

/** Newest first, the oldest `gone` of them forgotten; counts what is read. */
function historyOf(times: readonly number[], gone = 0) {
  const moves = times
    .map((sinceMs, at) => ({ generation: at + 1, sinceMs }) as Routing)
    .slice(gone)
    .reverse()
  let reads = 0
  return {
    reads: () => reads,
    live: async () => moves[0],
    history: async (count: number, before = Infinity) => {
      reads += 1
      return moves.filter(({ generation }) => generation < before).slice(0, count)
    },
  }
}

test('it is the newest move that is not later than the time, whatever was forgotten', async () => {
  const times = fc.array(fc.nat(50), { minLength: 1, maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(times, fc.nat(60), fc.nat(60), async (unsorted, at, forgotten) => {
      const sorted = unsorted.toSorted((one, other) => one - other)
      const gone = Math.min(forgotten, sorted.length - 1)
      const expected = sorted.findLastIndex((time) => time <= at)
      const found = liveAt(historyOf(sorted, gone), at)
      if (expected < gone) expect((await rejection(found)).code).toBe('TIME_BEFORE_HISTORY')
      else expect((await found).generation).toBe(expected + 1)
    }),
  )
})

test('a year of moves costs a few reads', async () => {
  const history = historyOf(Array.from({ length: 160_000 }, (_, at) => at * 1000))
  expect((await liveAt(history, 12_345_678)).generation).toBe(12_346)
  expect(history.reads()).toBeLessThan(20)
})

test('where nothing was ever live there is no version', async () => {
  expect((await rejection(liveAt(historyOf([]), 1))).code).toBe('NOT_READY')
})
