import { expect, test } from 'vitest'
import type { Clock } from '../../src/contracts/core.ts'
import { withRetries } from '../../src/cli/retry.ts'
import { CodedError } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import { rejection } from '../coded.ts'

/** Time passes only while somebody sleeps. */
function sleeper() {
  const slept: number[] = []
  const now = () => slept.reduce((sum, each) => sum + each, 0)
  const clock: Clock = {
    nowMs: now,
    monotonicMs: now,
    sleep: async (delayMs) => void slept.push(delayMs),
  }
  return { slept, plan: { clock, random: openRandom(1, 'retry'), mostMs: 60_000 } }
}

const busy = (retryAfterMs?: number) =>
  new CodedError('QUEUE_FULL', 'busy', {
    retriable: true,
    details: retryAfterMs === undefined ? {} : { retryAfterMs },
  })

/** Fails so often, then answers. */
function failing(times: number, error: () => Error) {
  let calls = 0
  return async () => {
    calls += 1
    if (calls <= times) throw error()
    return calls
  }
}

test('waits grow until they reach ten seconds', async () => {
  const { slept, plan } = sleeper()
  expect(await withRetries(failing(9, busy), plan)).toBe(10)
  expect(slept[0]).toBeLessThanOrEqual(250)
  expect(slept[0]).toBeGreaterThanOrEqual(125)
  expect(Math.max(...slept)).toBeLessThanOrEqual(10_000)
  expect(slept.at(-1)).toBeGreaterThanOrEqual(5000)
})

test('no wait is shorter than the server asked for', async () => {
  const { slept, plan } = sleeper()
  await withRetries(
    failing(2, () => busy(7000)),
    plan,
  )
  expect(slept).toEqual([7000, 7000])
})

test('the last error comes out when patience is over, before a wait that would exceed it', async () => {
  const { slept, plan } = sleeper()
  const error = await rejection(
    withRetries(
      failing(Infinity, () => busy(9000)),
      plan,
    ),
  )
  expect(error.code).toBe('QUEUE_FULL')
  expect(slept).toEqual([9000, 9000, 9000, 9000, 9000, 9000])
})

test('an error that will not pass comes out at once', async () => {
  const { slept, plan } = sleeper()
  await expect(
    withRetries(
      failing(1, () => new Error('a defect')),
      plan,
    ),
  ).rejects.toThrow('a defect')
  await expect(
    withRetries(
      failing(1, () => new CodedError('LABEL_UNKNOWN', 'no')),
      plan,
    ),
  ).rejects.toThrow('no')
  expect(slept).toEqual([])
})
