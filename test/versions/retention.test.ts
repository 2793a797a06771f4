import { expect, test } from 'vitest'
import type { Retention } from '../../src/versions/contract.ts'
import { surplusOf, type Footprint } from '../../src/versions/retention.ts'

const HOUR = 60 * 60 * 1000

/** One version every `everyMs` up to now, each a hundred bytes, newest first; every tenth was held back. */
function versions(count: number, everyMs: number, bytes = 100): Footprint[] {
  return Array.from({ length: count }, (_, number) => ({
    version: `v${number}`,
    createdMs: 1_700_000_000_000 + number * everyMs,
    bytes,
    isPromoted: number % 10 !== 9,
  })).reverse()
}

function kept(all: readonly Footprint[], retention: Retention, stays: readonly string[] = []) {
  const surplus = new Set(surplusOf(all, retention, new Set(stays)))
  return all.map(({ version }) => version).filter((version) => !surplus.has(version))
}

test('without hours and days the newest stay, and what must', () => {
  const all = versions(10, 1000)
  expect(kept(all, { last: 3 })).toEqual(['v9', 'v8', 'v7'])
  expect(kept(all, { last: 2 }, ['v0', 'v9'])).toEqual(['v9', 'v8', 'v0'])
})

test('undo reaches back by hours and days, with few versions', () => {
  // Ten days, one version a minute.
  const all = versions(14_400, 60_000)
  const ages = kept(all, { last: 50, hourly: 48, daily: 30 }).map(
    (version) => all[0]!.createdMs - all.find((each) => each.version === version)!.createdMs,
  )
  expect(ages.length).toBeLessThanOrEqual(50 + 48 + 30)
  expect(ages.filter((age) => age <= 50 * 60_000)).toHaveLength(50)
  expect(ages.filter((age) => age <= 48 * HOUR).length).toBeGreaterThanOrEqual(50 + 46)
  expect(Math.max(...ages)).toBeGreaterThan(9 * 24 * HOUR - HOUR)
})

test('removing again and again keeps what removing once would have kept', () => {
  const retention = { last: 5, hourly: 6, daily: 3 }
  const all = versions(2000, 7 * 60_000).reverse()
  let left: Footprint[] = []
  for (const version of all) {
    left = [version, ...left]
    const gone = new Set(surplusOf(left, retention, new Set()))
    left = left.filter(({ version: name }) => !gone.has(name))
  }
  expect(left.map(({ version }) => version)).toEqual(kept(all.toReversed(), retention))
})

test('hours without a version do not count, so that a rest costs no undo', () => {
  const all = versions(4, 1000 * HOUR)
  expect(kept(all, { last: 1, hourly: 3 })).toEqual(['v3', 'v2', 'v1'])
})

test('a version that was held back stands for its hour only when no other does', () => {
  const [v3, v2, v1, v0] = versions(4, 1000)
  const old = [{ ...v2!, isPromoted: false }, v1!, v0!].map((each) => ({
    ...each,
    createdMs: each.createdMs - 5 * HOUR,
  }))
  expect(kept([v3!, ...old], { last: 1, hourly: 2 })).toEqual(['v3', 'v1'])
})

test('large versions share the bytes: some undo near by, some far away', () => {
  const all = versions(14_400, 60_000)
  const few = kept(all, { last: 50, hourly: 48, daily: 30, bytes: 1200 })
  expect(few.length).toBeLessThanOrEqual(12)
  const age = (version: string) => 14_399 - Number(version.slice(1))
  expect(few.filter((version) => age(version) < 6).length).toBeGreaterThanOrEqual(3)
  expect(age(few.at(-1)!)).toBeGreaterThan(2 * 24 * 60)
})

test('what must stay and the newest stay, however large they are', () => {
  const all = versions(5, 1000)
  expect(kept(all, { last: 5, bytes: 1 }, ['v1'])).toEqual(['v4', 'v1'])
  expect(kept(all, { last: 5, bytes: 300 }, ['v1'])).toEqual(['v4', 'v3', 'v1'])
})
