import { expect, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import { openGenerations } from '../../src/serving/live/swaps.ts'
import { rejection } from '../coded.ts'
import { openFakeClock, settled } from './fake-clock.ts'

function open() {
  const clock = openFakeClock()
  return { clock, generations: openGenerations(clock) }
}

test('what is reached already is not waited for', async () => {
  const { generations } = open()
  generations.reach(7)
  expect(await generations.until(7, { waitMs: 0 })).toBe(true)
  expect(await generations.until(0, { waitMs: 0 })).toBe(true)
})

test('several waiters wake each at its own generation, and one move may wake them all', async () => {
  const { generations } = open()
  const woken: number[] = []
  const waiting = [3, 1, 2, 2].map(async (generation) => {
    expect(await generations.until(generation, { waitMs: 1000 })).toBe(true)
    woken.push(generation)
  })
  generations.reach(1)
  await settled()
  expect(woken).toEqual([1])
  generations.reach(5)
  await Promise.all(waiting)
  expect(woken).toEqual([1, 3, 2, 2])
})

test('the wait is bounded, and says that it was in vain', async () => {
  const { generations, clock } = open()
  const waiting = generations.until(2, { waitMs: 500 })
  generations.reach(1)
  await clock.advance(499)
  let ended = false
  void waiting.then(() => (ended = true))
  await settled()
  expect(ended).toBe(false)
  await clock.advance(1)
  expect(await waiting).toBe(false)
})

test('a waiter whose client went away ends with the reason, and harms no other', async () => {
  const { generations } = open()
  const gone = new AbortController()
  const left = rejection(generations.until(2, { waitMs: 1000, signal: gone.signal }))
  const stays = generations.until(2, { waitMs: 1000 })
  gone.abort(failure('CLIENT_GONE', 'gone'))
  expect(await left).toMatchObject({ message: 'gone' })
  generations.reach(2)
  expect(await stays).toBe(true)
  await expect(generations.until(3, { waitMs: 1000, signal: gone.signal })).rejects.toThrow('gone')
})

test('what was reached is never taken back by an older move', async () => {
  const { generations } = open()
  generations.reach(4)
  generations.reach(3)
  expect(generations.reached).toBe(4)
})
