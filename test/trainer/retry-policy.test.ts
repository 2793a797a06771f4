import { expect, test } from 'vitest'
import type { Clock, Logger } from '../../src/contracts/core.ts'
import { failure } from '../../src/platform/errors.ts'
import { openRandom } from '../../src/platform/random.ts'
import { RetryPolicy } from '../../src/trainer/retry-policy.ts'
import { instantClock, silentLog } from './world.ts'

function patienceWith() {
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
    patience: new RetryPolicy({ clock, log, jitter: openRandom(1, 'jitter') }),
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
  const { patience, slept, logged } = patienceWith()
  expect(await patience.persist('reading', failing(12), never)).toBe('done')
  expect(slept).toHaveLength(12)
  expect(logged).toEqual(['failed, trying again', 'works again'])
})

test('waits double from 100 ms to 30 s, each between half of it and all of it', async () => {
  const { patience, slept } = patienceWith()
  await patience.persist('reading', failing(12), never)
  slept.forEach((delayMs, failures) => {
    const longest = Math.min(30_000, 100 * 2 ** failures)
    expect(delayMs).toBeGreaterThanOrEqual(longest / 2)
    expect(delayMs).toBeLessThanOrEqual(longest)
  })
})

test('what no waiting mends is thrown at once', async () => {
  const { patience, slept } = patienceWith()
  await expect(patience.persist('x', failing(1, 'BASE_MISSING'), never)).rejects.toMatchObject({
    code: 'BASE_MISSING',
  })
  expect(slept).toEqual([])
})

test('a signal ends the waiting with its reason', async () => {
  const { patience } = patienceWith()
  const stop = AbortSignal.abort(new Error('stopping'))
  await expect(patience.persist('x', failing(1), stop)).rejects.toThrow('stopping')
})
