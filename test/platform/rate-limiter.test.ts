import { expect, test } from 'vitest'
import { RateLimiter } from '../../src/platform/access/rate-limiter.ts'
import { openRandom } from '../../src/platform/random.ts'

function limiterWith({ names = 100, startMs = 0 } = {}) {
  let nowMs = startMs
  const limiter = new RateLimiter({ clock: { monotonicMs: () => nowMs }, names: () => names })
  return { limiter, at: (ms: number) => (nowMs = ms) }
}

test('a burst passes at once, then one per interval, and a refusal says how long to wait', () => {
  const { limiter, at } = limiterWith()
  const rate = { per_second: 2, burst: 3 }
  const take = () => limiter.take('a', rate)
  expect([take(), take(), take(), take()]).toEqual([
    undefined,
    undefined,
    undefined,
    { waitMs: 500 },
  ])
  at(499)
  expect(take()).toEqual({ waitMs: 1 })
  at(500)
  expect([take(), take()]).toEqual([undefined, { waitMs: 500 }])
  at(60_000)
  expect([take(), take(), take(), take()?.waitMs]).toEqual([undefined, undefined, undefined, 500])
})

test('whatever the order of times, no window has more than its burst and its rate', () => {
  const random = openRandom(7, 'rates')
  const rate = { per_second: 5, burst: 4 }
  const { limiter, at } = limiterWith()
  const taken: number[] = []
  let nowMs = 0
  for (let step = 0; step < 5000; step += 1) {
    nowMs += random.uniform() < 0.5 ? 0 : 200 * random.uniform()
    at(nowMs)
    if (limiter.take('a', rate) === undefined) taken.push(nowMs)
  }
  const excess = taken.flatMap((end, to) =>
    taken
      .slice(Math.max(0, to - 100), to + 1)
      .map((start, at, window) => window.length - at - rate.burst - ((end - start) / 1000) * 5),
  )
  expect(Math.max(...excess)).toBeLessThanOrEqual(1e-6)
  // More is asked than may pass, and what may pass does.
  expect(taken.length).toBeGreaterThan(0.9 * (nowMs / 1000) * rate.per_second)
})

test('names do not disturb each other', () => {
  const { limiter } = limiterWith()
  const rate = { per_second: 1, burst: 1 }
  expect([limiter.take('a', rate), limiter.take('b', rate)]).toEqual([undefined, undefined])
  expect(limiter.take('a', rate)).toEqual({ waitMs: 1000 })
})

test('the table is bounded: what does not fit shares one rate, and only names that are full again are forgotten', () => {
  const { limiter, at } = limiterWith({ names: 3 })
  const rate = { per_second: 1, burst: 2 }
  for (const name of ['a', 'b', 'c']) limiter.take(name, rate)
  limiter.take('a', rate)
  // Of made-up names two pass, not two each.
  const passed = Array.from({ length: 50 }, (_, at) => limiter.take(`made-up-${at}`, rate))
  expect(passed.filter((refused) => refused === undefined)).toHaveLength(2)
  expect(limiter.size).toBeLessThanOrEqual(4)
  at(1000)
  expect(limiter.take('new', rate)).toBeUndefined()
  expect(limiter.size).toBeLessThanOrEqual(4)
  // `a` has one of its two back, not both.
  expect([limiter.take('a', rate), limiter.take('a', rate)]).toEqual([undefined, { waitMs: 1000 }])
})
