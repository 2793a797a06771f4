import { expect, test } from 'vitest'
import { rest, settles } from '../../src/contracts/core.ts'
import { systemClock } from '../../src/platform/clock.ts'

test('sleep waits at least as long as asked', async () => {
  const before = systemClock.monotonicMs()
  await systemClock.sleep(20)
  // A timer may fire up to one millisecond early by the monotonic clock.
  expect(systemClock.monotonicMs() - before).toBeGreaterThanOrEqual(19)
})

test('an aborted sleep rejects with the very reason of the signal', async () => {
  const controller = new AbortController()
  const reason = new Error('shutting down')
  const sleeping = systemClock.sleep(60_000, controller.signal)
  controller.abort(reason)
  await expect(sleeping).rejects.toBe(reason)
})

test('a signal that was aborted before rejects at once', async () => {
  const reason = new Error('too late')
  await expect(systemClock.sleep(60_000, AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('a sleep longer than a timer can count is a mistake of ours', async () => {
  await expect(systemClock.sleep(2 ** 31)).rejects.toThrow('invariant')
})

test('a rest says whether to go on: false as soon as its signal is aborted', async () => {
  const controller = new AbortController()
  expect(await rest(systemClock, 1, controller.signal)).toBe(true)
  const resting = rest(systemClock, 60_000, controller.signal)
  controller.abort()
  expect(await resting).toBe(false)
  await expect(rest(systemClock, 2 ** 31, new AbortController().signal)).rejects.toThrow(
    'invariant',
  )
})

test('work settles in time or not, well or badly', async () => {
  expect(await settles(Promise.resolve(), 60_000, systemClock)).toBe(true)
  expect(await settles(Promise.reject(new Error('bad')), 60_000, systemClock)).toBe(true)
  expect(await settles(new Promise(() => undefined), 1, systemClock)).toBe(false)
})
