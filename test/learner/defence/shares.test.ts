/** Shares, trust and drift, each by itself. */
import { describe, expect, test } from 'vitest'
import { DriftGuard } from '../../../src/learner/defence/guards.ts'
import { equalSay } from '../../../src/learner/defence/reference.ts'
import { NEWCOMERS, RecentSources } from '../../../src/learner/defence/recent-sources.ts'
import { openRandom } from '../../../src/platform/random.ts'

const recordOf = (limit: number, trusted: readonly string[] = []) =>
  new RecentSources({ limit, trusted: new Set(trusted), isJudging: true })

describe('an equal say', () => {
  const full = () => 1
  const totals = (sources: readonly string[], share: number) => {
    const weights = equalSay(sources, share, full)
    const sums = new Map<string, number>()
    for (const source of sources) sums.set(source, (sums.get(source) ?? 0) + weights.get(source)!)
    return sums
  }

  test('holds a source with most rows to its share of all weights, and leaves the others whole', () => {
    const small = Array.from({ length: 20 }, (_, at) => `s${at}`)
    const sums = totals([...small, ...Array<string>(400).fill('big')], 0.2)
    const all = [...sums.values()].reduce((sum, each) => sum + each, 0)
    expect(sums.get('big')! / all).toBeCloseTo(0.2, 6)
    expect(sums.get('s3')).toBe(1)
  })

  test('of few sources leaves each at least half again an equal part', () => {
    const sums = totals(['a', 'b', 'c', ...Array<string>(97).fill('big')], 0.1)
    const all = [...sums.values()].reduce((sum, each) => sum + each, 0)
    expect(sums.get('big')! / all).toBeCloseTo(1.5 / 4, 6)
  })

  test('of one source is all', () => {
    expect(totals(['a', 'a'], 0.1).get('a')).toBe(2)
  })
})

describe('what is remembered of sources', () => {
  test('trust falls to nothing for a source that contradicts the others, and comes back', () => {
    const sources = recordOf(10)
    for (let at = 0; at < 60; at += 1)
      for (const source of ['a', 'b', 'bad']) {
        sources.saw(source)
        sources.judged(source, source !== 'bad' && at % 5 > 0, 0.5, 0.2)
      }
    expect(sources.trust('a')).toBe(1)
    expect(sources.trust('bad')).toBe(0)
    for (let at = 0; at < 200; at += 1) sources.judged('bad', true, 0.5, 0.2)
    expect(sources.trust('bad')).toBe(1)
  })

  test('a source that surely contradicts the others is named once, until it has agreed again', () => {
    const sources = recordOf(10)
    const hear = (isBad: boolean) => {
      for (const source of ['a', 'b', 'bad']) {
        sources.saw(source)
        sources.judged(source, source !== 'bad' || !isBad, 0.5, 0.2)
      }
    }
    for (let at = 0; at < 5; at += 1) hear(true)
    expect(sources.takeHostile(), 'of five nothing is sure').toEqual([])
    for (let at = 0; at < 40; at += 1) hear(true)
    expect(sources.takeHostile()).toEqual(['bad'])
    const again = recordOf(10)
    again.restore(structuredClone(sources.snapshot()))
    for (const each of [sources, again]) expect(each.takeHostile()).toEqual([])
    for (let at = 0; at < 200; at += 1) hear(false)
    expect(sources.takeHostile()).toEqual([])
    for (let at = 0; at < 200; at += 1) hear(true)
    expect(sources.takeHostile()).toEqual(['bad'])
  })

  test('the share of wrong labels of a source is the usual one until it has shown its own', () => {
    const sources = recordOf(10)
    expect(sources.wrong('new', 0.2)).toBe(0.2)
    for (let at = 0; at < 200; at += 1) {
      sources.saw('clean')
      sources.judged('clean', at % 5 > 0, 0.5, 0.2)
      sources.saw('noisy')
      sources.judged('noisy', at % 5 > 1, 0.5, 0.2)
    }
    expect(sources.wrong('clean', 0.2)).toBeLessThan(0.08)
    expect(sources.wrong('noisy', 0.2)).toBeGreaterThan(0.25)
  })

  test('noise that all share costs none of them its trust', () => {
    const random = openRandom(3, 'noise')
    const sources = recordOf(10)
    for (let at = 0; at < 200; at += 1)
      for (const source of ['a', 'b', 'c'])
        sources.judged(source, random.uniform() < 0.65, 0.5, 0.2)
    for (const source of ['a', 'b', 'c']) expect(sources.trust(source)).toBe(1)
  })

  test('the share of a source over a long time is that of the config, give or take chance', () => {
    const sources = recordOf(100)
    let [big, all] = [0, 0]
    for (let at = 0; at < 4000; at += 1) {
      const source = at % 2 === 0 ? 'big' : `s${at % 31}`
      sources.saw(source)
      if (source === 'big' && sources.room('big', 0.1) < 1) continue
      sources.learned(source)
      all += 1
      if (source === 'big') big += 1
    }
    expect(big / all).toBeGreaterThan(0.08)
    expect(big / all).toBeLessThan(0.15)
  })

  const namesIn = (sources: RecentSources) => sources.snapshot().rows.map(([source]) => source)

  test('is bounded, and the one that was silent longest is forgotten', () => {
    const sources = recordOf(3)
    for (let at = 0; at < 15; at += 1) sources.saw(`s${at}`)
    expect(namesIn(sources)).toEqual(['s12', 's13', 's14'])
  })

  test('made-up names do not drive out a source with standing', () => {
    const sources = recordOf(3)
    for (const source of ['a', 'a', 'b', 'b']) sources.saw(source)
    for (let at = 0; at < 15; at += 1) sources.saw(`x${at}`)
    expect(namesIn(sources)).toEqual(['a', 'b', 'x14'])
  })

  test('an hour brings so many new names; the others are newcomers until the next one', () => {
    const sources = recordOf(300)
    for (let at = 0; at < 100; at += 1)
      for (let twice = 0; twice < 2; twice += 1) sources.saw(`x${at}`, 0)
    expect(namesIn(sources)).toHaveLength(30)
    expect([sources.hasStanding('x29'), sources.hasStanding('x30')]).toEqual([true, false])
    expect(sources.recent).toBe(31)
    const again = recordOf(300)
    again.restore(structuredClone(sources.snapshot()))
    again.saw('x30', 3_599_999)
    expect(namesIn(again)).toHaveLength(30)
    again.saw('x30', 3_600_000)
    again.saw('x30', 0)
    expect(again.hasStanding('x30')).toBe(true)
  })

  test('names seen once are together one source, and one seen again counts by itself, until anything is judged', () => {
    const sources = recordOf(100)
    for (let at = 0; at < 10; at += 1) sources.saw(`x${at}`)
    expect(sources.recent).toBe(1)
    for (const source of ['x3', 'x4']) sources.saw(source)
    expect(sources.recent).toBe(3)
    for (let at = 0; at < 10; at += 1) sources.judged('x3', true, 0.5, 0.2)
    for (let at = 0; at < 10; at += 1) sources.saw('late')
    expect(sources.hasStanding('late')).toBe(false)
    for (let at = 0; at < 9; at += 1) sources.judged('late', true, 0.5, 0.2)
    // One of many names may be right nine times by chance.
    expect(sources.hasStanding('late')).toBe(false)
    for (let at = 0; at < 2; at += 1) sources.judged('late', true, 0.5, 0.2)
    expect(sources.hasStanding('late')).toBe(true)
  })

  test('a source with standing keeps it through a few contradictions, which any source has by chance', () => {
    const sources = recordOf(100)
    const hear = (source: string, agrees: boolean) => {
      sources.saw(source)
      sources.judged(source, agrees, 0.5, 0.2)
    }
    for (const source of ['a', 'b', 'c', 'a', 'b', 'c']) sources.saw(source)
    for (let at = 0; at < 20; at += 1) for (const source of ['a', 'b']) hear(source, at % 5 > 0)
    for (let at = 0; at < 6; at += 1) hear('c', at === 3)
    expect(sources.trust('c')).toBeGreaterThan(0)
    expect(sources.hasStanding('c')).toBe(true)
    for (let at = 0; at < 20; at += 1) hear('c', false)
    expect([sources.trust('c'), sources.hasStanding('c')]).toEqual([0, false])
  })

  test('most of the volume against the others is seen, however many names it has', () => {
    const sources = recordOf(100)
    for (let at = 0; at < 60; at += 1) sources.judged(`s${at % 3}`, true, 0.5, 0.2)
    expect(sources.isMostlyContradicted).toBe(false)
    for (let at = 0; at < 90; at += 1) sources.judged(`x${at}`, false, 0.5, 0.2)
    expect(sources.isMostlyContradicted).toBe(true)
  })

  test('among trusted sources a name has to prove itself from the start', () => {
    const sources = recordOf(100, ['t'])
    for (const source of ['t', 'x', 'x', 'x']) sources.saw(source)
    expect([sources.hasStanding('t'), sources.hasStanding('x')]).toEqual([true, false])
  })

  test('newcomers lose their trust together, and a good one among them earns its own', () => {
    const sources = recordOf(100, ['t'])
    const hear = (source: string, agrees: boolean) => {
      sources.saw(source)
      sources.judged(source, agrees, 0.5, 0.2)
    }
    for (let at = 0; at < 50; at += 1) {
      hear('t', true)
      hear(`x${at}`, false)
      hear('good', true)
    }
    expect(sources.trust(NEWCOMERS)).toBe(0)
    expect(sources.takeHostile()).toEqual([NEWCOMERS])
    expect(sources.isReliable('good')).toBe(true)
    expect(sources.isNewcomer('x7')).toBe(true)
  })

  test('in a checkpoint of an earlier release each source counts by itself, except a hostile one', () => {
    const sources = recordOf(100)
    const row = (source: string, agreed: number, hostile: number) =>
      [source, 5, 5, 90, 40, agreed, 20, 4, hostile] as const
    const rows = [row('good', 36, 0), row('usual', 22, 0), row('bad', 2, 1)]
    sources.restore({ events: 100, learned: 50, rows })
    const standing = ['good', 'usual', 'bad'].map((source) => sources.hasStanding(source))
    expect(standing).toEqual([true, true, false])
    expect([sources.isReliable('good'), sources.isReliable('usual')]).toEqual([true, false])
  })

  test('goes on from a snapshot as if nothing had been', () => {
    const [one, other] = [recordOf(5), recordOf(5)]
    for (let at = 0; at < 30; at += 1) one.saw(`s${at % 7}`)
    for (let twice = 0; twice < 2; twice += 1) other.restore(structuredClone(one.snapshot()))
    for (const each of [one, other]) {
      each.saw('s3')
      each.learned('s3')
      each.judged('s3', true, 0.5, 0.2)
    }
    expect(other.snapshot()).toEqual(one.snapshot())
  })
})

describe('the drift guard', () => {
  const feed = (guard: DriftGuard, source: string, times: number, isContradicted = true) => {
    for (let at = 0; at < times; at += 1) guard.saw('yes', source, isContradicted)
  }

  test('one loud source is one voice', () => {
    const guard = new DriftGuard(10)
    for (const source of ['a', 'b', 'c']) feed(guard, source, 3, false)
    feed(guard, 'loud', 100)
    expect(guard.hasChanged('yes')).toBe(false)
  })

  test('most sources together are a change, of their stratum alone, until they agree again', () => {
    const guard = new DriftGuard(10)
    for (const source of ['a', 'b', 'c']) feed(guard, source, 8)
    feed(guard, 'd', 3, false)
    expect(guard.hasChanged('yes')).toBe(true)
    expect(guard.hasChanged('no')).toBe(false)
    const again = new DriftGuard(10)
    again.restore(structuredClone(guard.snapshot()))
    for (const source of ['a', 'b', 'c']) feed(again, source, 12, false)
    expect(again.hasChanged('yes')).toBe(false)
  })

  test('four wrong labels in ten of a single source are no change', () => {
    const random = openRandom(5, 'guard')
    const guard = new DriftGuard(10)
    let changes = 0
    for (let at = 0; at < 2000; at += 1) {
      guard.saw('yes', 'only', random.uniform() < 0.35)
      if (guard.hasChanged('yes')) changes += 1
    }
    expect(changes).toBeLessThan(20)
  })
})
