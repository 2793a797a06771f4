import { expect, test } from 'vitest'
import { CodedError, type Clock, type Logger } from '../../src/contracts/core.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { RetryPolicy } from '../../src/platform/retry.ts'
import { rejection } from '../coded.ts'
import { instantClock, silentLog } from '../trainer/world.ts'

function retryWith() {
  const slept: number[] = []
  const logged: string[] = []
  const clock: Clock = {
    ...instantClock,
    sleep: async (delayMs, signal) => {
      slept.push(delayMs)
      await instantClock.sleep(delayMs, signal)
    },
  }
  const log: Logger = {
    ...silentLog,
    warn: (_, message) => void logged.push(message),
    info: (_, message) => void logged.push(message),
  }
  return {
    retry: new RetryPolicy({ clock, log, jitter: openRandom(1, 'jitter') }),
    slept,
    logged,
  }
}

const never = new AbortController().signal

function failing(times: number, code: 'SOURCE_FAILED' | 'BASE_MISSING' = 'SOURCE_FAILED') {
  let left = times
  return () => {
    if ((left -= 1) >= 0) throw failure(code, 'not now')
    return 'done'
  }
}

test('what may succeed later is tried until it does, and logged once at either end', async () => {
  const { retry, slept, logged } = retryWith()
  expect(await retry.run('reading', failing(12), never)).toBe('done')
  expect(slept).toHaveLength(12)
  expect(logged).toEqual(['failed, trying again', 'works again'])
})

test('waits double from 100 ms to 30 s, each between half of it and all of it', async () => {
  const { retry, slept } = retryWith()
  await retry.run('reading', failing(12), never)
  slept.forEach((delayMs, failures) => {
    const longest = Math.min(30_000, 100 * 2 ** failures)
    expect(delayMs).toBeGreaterThanOrEqual(longest / 2)
    expect(delayMs).toBeLessThanOrEqual(longest)
  })
})

test('an error that is not retriable is thrown at once', async () => {
  const { retry, slept } = retryWith()
  await expect(retry.run('x', failing(1, 'BASE_MISSING'), never)).rejects.toMatchObject({
    code: 'BASE_MISSING',
  })
  expect(slept).toEqual([])
})

test('a signal ends the waiting with its reason', async () => {
  const { retry } = retryWith()
  const stop = AbortSignal.abort(new Error('stopping'))
  await expect(retry.run('x', failing(1), stop)).rejects.toThrow('stopping')
})

/** Time passes only while somebody sleeps. */
function sleeper() {
  const slept: number[] = []
  const now = () => slept.reduce((sum, each) => sum + each, 0)
  const clock: Clock = {
    nowMs: now,
    monotonicMs: now,
    sleep: async (delayMs) => void slept.push(delayMs),
  }
  const jitter = openRandom(1, 'retry')
  const limits = { firstMs: 250, longestMs: 10_000, limitMs: 60_000 }
  return { slept, retry: new RetryPolicy({ clock, jitter, ...limits }) }
}

const busy = (retryAfterMs?: number) =>
  new CodedError('QUEUE_FULL', 'busy', {
    retriable: true,
    details: retryAfterMs === undefined ? {} : { retryAfterMs },
  })

/** Fails so often, then answers. */
function failingWith(times: number, error: () => Error) {
  let calls = 0
  return async () => {
    calls += 1
    if (calls <= times) throw error()
    return calls
  }
}

test('waits grow until they reach ten seconds', async () => {
  const { slept, retry } = sleeper()
  expect(await retry.run('sending', failingWith(9, busy))).toBe(10)
  expect(slept[0]).toBeLessThanOrEqual(250)
  expect(slept[0]).toBeGreaterThanOrEqual(125)
  expect(Math.max(...slept)).toBeLessThanOrEqual(10_000)
  expect(slept.at(-1)).toBeGreaterThanOrEqual(5000)
})

test('no wait is shorter than the server asked for', async () => {
  const { slept, retry } = sleeper()
  await retry.run(
    'sending',
    failingWith(2, () => busy(7000)),
  )
  expect(slept).toEqual([7000, 7000])
})

test('the last error comes out at the limit, before a wait that would exceed it', async () => {
  const { slept, retry } = sleeper()
  const error = await rejection(
    retry.run(
      'sending',
      failingWith(Infinity, () => busy(9000)),
    ),
  )
  expect(error.code).toBe('QUEUE_FULL')
  expect(slept).toEqual([9000, 9000, 9000, 9000, 9000, 9000])
})

test('an error that will not pass comes out at once', async () => {
  const { slept, retry } = sleeper()
  await expect(
    retry.run(
      'sending',
      failingWith(1, () => new Error('a defect')),
    ),
  ).rejects.toThrow('a defect')
  await expect(
    retry.run(
      'sending',
      failingWith(1, () => new CodedError('LABEL_UNKNOWN', 'no')),
    ),
  ).rejects.toThrow('no')
  expect(slept).toEqual([])
})
