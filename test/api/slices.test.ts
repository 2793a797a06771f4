import { expect, test } from 'vitest'
import { openSlices } from '../../src/platform/slices.ts'

/** Each piece of work takes 1 ms of a clock that nothing else moves. */
function open(budgetMs = 5) {
  let now = 0
  let turns = 0
  const slices = openSlices(budgetMs, () => now)
  const work = (item: number) => {
    now += 1
    return { item, turn: turns }
  }
  const turn = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    turns += 1
  }
  return { slices, work, turn }
}

async function watched<Result>(turn: () => Promise<void>, work: Promise<Result>): Promise<Result> {
  let done = false
  void work.finally(() => (done = true)).catch(() => undefined)
  while (!done) await turn()
  return work
}

function perTurn(results: readonly { readonly turn: number }[]): number {
  const counts = new Map<number, number>()
  for (const { turn } of results) counts.set(turn, (counts.get(turn) ?? 0) + 1)
  return Math.max(...counts.values())
}

test('no turn of the event loop spends more than the budget, and everything is done in order', async () => {
  const { slices, work, turn } = open()
  const items = Array.from({ length: 100 }, (_, at) => at)
  const results = await watched(turn, slices.each(items, work))
  expect(results.map(({ item }) => item)).toEqual(items)
  expect(perTurn(results)).toBe(5)
})

test('many requests share one budget a turn', async () => {
  const { slices, work, turn } = open()
  const requests = Array.from({ length: 30 }, () => slices.each([1, 2, 3, 4], work))
  const results = (await watched(turn, Promise.all(requests))).flat()
  expect(results).toHaveLength(120)
  expect(perTurn(results)).toBe(5)
})

test('a small piece of work runs at once while there is time', () => {
  const { slices } = open()
  let done = false
  void slices.run(() => (done = true))
  expect(done).toBe(true)
})

test('a small piece of work waits for at most its share behind a large one', async () => {
  const { slices, work, turn } = open()
  const long = slices.each(
    Array.from({ length: 1000 }, (_, at) => at),
    work,
  )
  const small = await watched(
    turn,
    slices.run(() => work(0)),
  )
  expect(small.turn).toBeLessThanOrEqual(2)
  await watched(turn, long)
})

test('what throws fails its own request, at once and in a later turn', async () => {
  const { slices, work, turn } = open()
  const fails = (item: number) => {
    if (item === 7) throw new Error('seven')
    return work(item)
  }
  await expect(slices.each([7], fails)).rejects.toThrow('seven')
  const late = slices.each([1, 2, 3, 4, 5, 6, 7, 8], fails)
  const other = slices.each([1, 2, 3], work)
  await expect(watched(turn, late)).rejects.toThrow('seven')
  expect(await watched(turn, other)).toHaveLength(3)
})

test('nothing to do is done', async () => {
  expect(await openSlices().each([], () => 1)).toEqual([])
})
