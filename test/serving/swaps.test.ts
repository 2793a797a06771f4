import { expect, test } from 'vitest'
import type { Routing } from '../../src/versions/contract.ts'
import { openSwaps } from '../../src/serving/live/swaps.ts'
import { settled } from './fake-clock.ts'

function pointer(generation: number): Routing {
  const version = `v${generation}`
  return {
    live: { version, digest: version },
    generation,
    sinceMs: 0,
    previous: null,
    reason: '',
    by: 'start',
  }
}

/** Swaps that end when the test says so. */
function open() {
  const started: number[] = []
  const ends: ((error?: Error) => void)[] = []
  const swaps = openSwaps(
    ({ generation }) =>
      new Promise((resolve, reject) => {
        started.push(generation)
        ends.push((error) => (error === undefined ? resolve() : reject(error)))
      }),
  )
  return { swaps, started, end: (error?: Error) => ends.shift()?.(error) }
}

test('moves are carried out one at a time, and the latest replaces those that wait', async () => {
  const { swaps, started, end } = open()
  const moves = [1, 2, 3, 4].map((generation) => swaps.request(pointer(generation)))
  expect(started).toEqual([1])
  end()
  await settled()
  expect(started).toEqual([1, 4])
  end()
  await Promise.all(moves)
})

test('a move that fails tells who waits for it, and the next one is tried', async () => {
  const { swaps, started, end } = open()
  const failing = swaps.request(pointer(1))
  end(new Error('corrupt'))
  await expect(failing).rejects.toThrow('corrupt')
  const next = swaps.request(pointer(2))
  end()
  await next
  expect(started).toEqual([1, 2])
})

test('a move that failed may be asked for again', async () => {
  const { swaps, started, end } = open()
  const failing = swaps.request(pointer(1))
  end(new Error('corrupt'))
  await expect(failing).rejects.toThrow('corrupt')
  const again = swaps.request(pointer(1))
  end()
  await again
  expect(started).toEqual([1, 1])
})

test('an older move than the one in place is done already', async () => {
  const { swaps, started, end } = open()
  const move = swaps.request(pointer(5))
  end()
  await move
  await swaps.request(pointer(3))
  expect(started).toEqual([5])
})

test('an older move that arrives during a newer one never goes back to its own version', async () => {
  const { swaps, started, end } = open()
  const newer = swaps.request(pointer(5))
  const older = swaps.request(pointer(3))
  end()
  await Promise.all([newer, older])
  await settled()
  expect(started).toEqual([5])
})

test('who waits for a replaced move is told by the failure of the one that replaced it', async () => {
  const { swaps, end } = open()
  const first = swaps.request(pointer(1))
  const replaced = swaps.request(pointer(2))
  const latest = swaps.request(pointer(3))
  const told = Promise.allSettled([replaced, latest])
  end()
  await first
  await settled()
  end(new Error('corrupt'))
  expect((await told).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
})
