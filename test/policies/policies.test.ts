import { asKey } from '../example-key.ts'
import { describe, expect, it } from 'vitest'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Setting } from '../../src/contracts/core.ts'
import type { ReplayItem } from '../../src/contracts/policy.ts'
import { openRandom } from '../../src/platform/random.ts'
import { thrown } from '../coded.ts'

const reservoir = (capacity: number) =>
  openPolicy('replay', policies.replay, { policy: 'reservoir', capacity })

const item = (at: number, stratum = '', bytes = 1): ReplayItem => ({
  key: asKey(`${at}`),
  strata: [stratum],
  source: 'desk',
  bytes,
})

/** Σ (observed − expected)² / expected */
function chiSquare(counts: Iterable<number>, expected: number): number {
  return [...counts].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** The 99.9th percentile: Wilson & Hilferty (1931). */
function chiSquareLimit(freedom: number): number {
  return freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3
}

describe('the reservoir', () => {
  const offered = 60
  const capacity = 12
  const runs = 4000
  const expected = (runs * capacity) / offered

  function kept(removed: readonly number[]): Map<number, number> {
    const counts = new Map(Array.from({ length: offered }, (_, at) => [at, 0]))
    const random = openRandom(1, 'reservoir')
    for (let run = 0; run < runs; run += 1) {
      const replay = reservoir(capacity)
      for (let at = 0; at < offered; at += 1) {
        replay.offer(item(at), random)
        if (at === 39) for (const gone of removed) replay.remove(asKey(`${gone}`))
      }
      for (const key of replay.keys()) counts.set(Number(key), counts.get(Number(key))! + 1)
    }
    return counts
  }

  it('keeps early and late examples equally often', () => {
    const narrowed = chiSquare(kept([]).values(), expected) / (1 - capacity / offered)
    expect(narrowed).toBeLessThan(chiSquareLimit(offered - 1))
  })

  it('keeps the others as often as before when some are removed', () => {
    const removed = Array.from({ length: 14 }, (_, at) => 2 * at)
    const counts = kept(removed)
    for (const gone of removed) {
      expect(counts.get(gone)).toBe(0)
      counts.delete(gone)
    }
    // What they leave empty is filled again, from all the others alike.
    const mean = [...counts.values()].reduce((sum, count) => sum + count) / counts.size
    expect(mean).toBeGreaterThan(expected)
    const narrowed = chiSquare(counts.values(), mean) / (1 - mean / runs)
    expect(narrowed).toBeLessThan(chiSquareLimit(counts.size - 1))
  })

  it('draws the same places, whether few or many', () => {
    const replay = reservoir(200)
    const random = openRandom(1, 'offers')
    for (let at = 0; at < 200; at += 1) replay.offer(item(at), random)
    const [own, other] = [openRandom(2, 'draws'), openRandom(2, 'draws')]
    for (const count of [1, 32, 64, 65, 150, 200, 300]) {
      const places = new Set<number>()
      for (let last = Math.max(0, 200 - count); last < 200; last += 1) {
        const place = other.below(last + 1)
        places.add(places.has(place) ? last : place)
      }
      const keys = replay.keys()
      expect(replay.draw(count, own)).toEqual([...places].map((place) => keys[place]))
    }
  })

  it('draws each kept example equally often', () => {
    const replay = reservoir(10)
    const random = openRandom(1, 'draws')
    for (let at = 0; at < 10; at += 1) replay.offer(item(at), random)
    const counts = new Map<string, number>()
    for (let run = 0; run < 5000; run += 1)
      for (const key of replay.draw(3, random)) counts.set(key, (counts.get(key) ?? 0) + 1)
    expect(counts.size).toBe(10)
    expect(chiSquare(counts.values(), 1500)).toBeLessThan(chiSquareLimit(9))
  })

  it('keeps early and late examples equally often by bytes too, whatever their sizes', () => {
    const counts = new Map(Array.from({ length: offered }, (_, at) => [at, 0]))
    const random = openRandom(1, 'bytes')
    let sizes = 0
    for (let run = 0; run < runs; run += 1) {
      const replay = openPolicy('replay', policies.replay, { policy: 'reservoir', bytes: 1200 })
      for (let at = 0; at < offered; at += 1) replay.offer(item(at, '', 80 + (at % 2) * 40), random)
      for (const key of replay.keys()) counts.set(Number(key), counts.get(Number(key))! + 1)
      sizes += replay.size
    }
    const mean = sizes / offered
    expect(sizes / runs).toBeGreaterThan(10)
    expect(chiSquare(counts.values(), mean)).toBeLessThan(chiSquareLimit(offered - 1))
  })

  it('is, restored into less capacity, what the smaller one would have kept', () => {
    const [large, small] = [reservoir(100), reservoir(4)]
    for (const replay of [large, small]) {
      const random = openRandom(1, 'shrink')
      for (let at = 0; at < 100; at += 1) replay.offer(item(at), random)
    }
    const restored = reservoir(4)
    restored.restore(
      large.snapshot(),
      Array.from({ length: 100 }, (_, at) => item(at)),
    )
    expect(new Set(restored.keys())).toEqual(new Set(small.keys()))
  })

  it('begins empty with the state of another policy', () => {
    const replay = reservoir(4)
    const [none, recent] = ['none', 'recent'].map((policy) =>
      openPolicy('replay', policies.replay, { policy }),
    )
    recent!.offer(item(1), openRandom(1, 'offer'))
    for (const other of [none!, recent!]) {
      replay.restore(other.snapshot(), [item(1)])
      expect(replay.size).toBe(0)
    }
  })
})

describe('count', () => {
  it('updates when so many are pending, not one earlier', () => {
    const trigger = openPolicy('trigger', policies.trigger, { policy: 'count', every: 3 })
    const verdicts = [1, 2, 3, 4].map(
      (pending) => trigger.observe({ pending, nowMs: 0, random: openRandom(1, 'x') }).verdict,
    )
    expect(verdicts).toEqual(['wait', 'wait', 'update', 'update'])
  })
})

describe('a policy from a config', () => {
  const open = (chosen: { policy: string; [key: string]: unknown }) =>
    openPolicy('replay', policies.replay, chosen)

  it('gets the defaults of the settings that are absent', () => {
    const replay = open({ policy: 'reservoir' })
    const random = openRandom(1, 'fill')
    for (let at = 0; at < 2500; at += 1) replay.offer(item(at), random)
    expect(replay.size).toBe(defaultOf(policies.replay.reservoir.settings.capacity))
  })

  it('is refused with the names that exist', () => {
    for (const policy of ['resevoir', 'constructor', '__proto__'])
      expect(thrown(() => open({ policy }))).toMatchObject({
        code: 'CONFIG_INVALID',
        details: { field: 'replay.policy', allowed: Object.keys(policies.replay).join(', ') },
      })
  })

  it('is refused with the setting and its bounds', () => {
    for (const capacity of [0, -1, 1.5, NaN, Infinity, '10', null])
      expect(thrown(() => open({ policy: 'reservoir', capacity }))).toMatchObject({
        code: 'CONFIG_INVALID',
        details: { field: 'replay.capacity', allowed: 'integer from 1 to 1000000' },
      })
  })

  it('is refused with a setting that it does not have', () => {
    expect(thrown(() => open({ policy: 'none', capacity: 3 }))).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      details: { field: 'replay.capacity' },
    })
  })
})

function defaultOf(setting: Setting): unknown {
  return 'default' in setting ? setting.default : undefined
}

it('keeps an example of several strata as one of the rarest, and leaves it out where all of them are', () => {
  const replay = openPolicy('replay', policies.replay, { policy: 'class-balanced', capacity: 20 })
  const random = openRandom(1, 'strata')
  const isRare = (at: number) => at % 20 === 0
  for (let at = 0; at < 200; at += 1)
    replay.offer({ ...item(at), strata: isRare(at) ? ['common', 'rare'] : ['common'] }, random)
  expect(replay.keys().filter((key) => isRare(Number(key)))).toHaveLength(10)
  expect(replay.draw(20, random, ['common'])).toHaveLength(10)
  expect(replay.draw(20, random, ['common', 'rare'])).toEqual([])
})
