/** What is known of how versions answered the rows of a comparison, and what a row may cost. */
import { describe, expect, it } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import { comparison, nextRows, rowBudget } from '../../src/evaluation/gate-rows.ts'
import { PERIODS, RowHistory } from '../../src/evaluation/row-history.ts'

const right = { error: 0, loss: 0.1 }
const wrong = { error: 1, loss: 2 }

function answered(history: RowHistory, version: number, answers: Record<string, typeof right>) {
  history.begin('head', ['a', 'b'])
  for (const [key, outcome] of Object.entries(answers)) history.answered(key, version, outcome)
}

const fresh = [0, { answers: 0, wrong: 0 }, undefined]

describe('the history of rows', () => {
  it('has the answer of the line and of the newest live version, which a held candidate does not change', () => {
    const history = new RowHistory()
    answered(history, 1, { a: right, b: wrong })
    history.promoted(1, 16, 1)
    answered(history, 2, { a: wrong })
    expect(history.line('a', 2)).toEqual({ ...wrong, isFresh: true })
    expect(history.line('b', 2)).toEqual({ ...wrong, isFresh: false })
    expect(history.live('a')).toEqual(right)
  })

  it('averages live versions over periods, and keeps only the last ones', () => {
    const history = new RowHistory()
    for (let version = 1; version <= 2 * PERIODS + 2; version += 1) {
      answered(history, version, { a: version % 2 === 0 ? right : wrong })
      history.promoted(version, 16 * version, 2)
    }
    expect(history.periods).toHaveLength(PERIODS)
    expect(history.periods[0]).toEqual({ first: 'v3', last: 'v4', events: 48 })
    expect(history.past('a')).toEqual(Array.from({ length: PERIODS }, () => 0.5))
    expect(history.past('b')).toEqual(Array.from({ length: PERIODS }, () => null))
  })

  it('forgets what later versions have answered when the line goes back', () => {
    const history = new RowHistory()
    for (let version = 1; version <= 4; version += 1) {
      answered(history, version, { a: version < 3 ? right : wrong })
      history.promoted(version, 16 * version, 1)
    }
    history.goTo('v2')
    expect(history.periods.map(({ last }) => last)).toEqual(['v1', 'v2'])
    expect(history.past('a')).toEqual([0, 0])
    // It was answered by v4 last: nothing is known of v2 any more, and the row is answered again.
    expect(history.live('a')).toBeUndefined()
    expect(history.line('a', 3)).toBeUndefined()
  })

  it('knows of followed rows which of the last live versions answered them wrong, over a restart and a way back', () => {
    const history = new RowHistory()
    for (let version = 1; version <= 40; version += 1) {
      answered(history, version, { a: version % 3 === 0 ? wrong : right })
      if (version % 2 === 0) history.promoted(version, 16 * version, 1, ['a', 'gone'])
    }
    const restored = new RowHistory()
    restored.restore(JSON.parse(JSON.stringify(history.snapshot())) as never)
    expect(restored.lately.slice(0, 3)).toEqual(['v40', 'v38', 'v36'])
    expect(restored.wrongIn('a')).toEqual(['v6', 'v12', 'v18', 'v24', 'v30', 'v36'])
    restored.goTo('v24')
    expect(restored.lately[0]).toBe('v24')
    for (let version = 41; version <= 120; version += 1) {
      answered(restored, version, { a: right })
      restored.promoted(version, 16 * version, 1, ['a'])
    }
    expect(restored.lately).toHaveLength(32)
    expect(restored.wrongIn('a')).toEqual([])
  })

  it('lets followed rows stand as they did when the line goes back, however often, and starts again far back', () => {
    const history = new RowHistory()
    const standing = () => [history.streak('a'), history.seen('a'), history.usual('a')]
    const stood: unknown[] = []
    const random = openRandom(1, 'answers')
    for (let version = 0; version < 60; version += 1) {
      const outcome = { error: random.below(3) === 0 ? 1 : 0, loss: random.uniform() }
      answered(history, version, { a: outcome, b: outcome })
      history.promoted(version, version, 0, ['a'])
      stood.push(standing())
    }
    const saved = history.snapshot()
    for (const version of [59, 58, 40, 28]) {
      history.goTo(`v${version}`)
      expect(standing()).toEqual(stood[version])
    }
    // A row that nobody follows, and one whose versions are too long ago.
    expect([history.streak('b'), history.seen('b'), history.usual('b')]).toEqual(fresh)
    history.goTo('v20')
    expect(standing()).toEqual(fresh)
    history.restore(saved)
    history.goTo('v40')
    answered(history, 60, { a: right })
    history.promoted(60, 60, 0, ['a'])
    history.goTo('v40')
    expect(standing()).toEqual(stood[40])
  })

  it('starts again when the head has other outputs', () => {
    const history = new RowHistory()
    answered(history, 1, { a: right })
    history.promoted(1, 16, 1)
    history.begin('longer head', ['a'])
    expect(history.periods).toEqual([])
    expect(history.past('a')).toEqual([])
  })

  it('counts how many live versions in a row have answered a row right', () => {
    const history = new RowHistory()
    const streaks = [right, right, wrong, right].map((outcome, at) => {
      answered(history, at, { a: outcome })
      history.promoted(at, at, 0)
      return history.streak('a')
    })
    expect(streaks).toEqual([1, 2, 0, 1])
  })

  it('keeps the share of wrong answers, of the last ones more than of those long ago', () => {
    const history = new RowHistory()
    const answer = (from: number, count: number, outcome: typeof right) => {
      for (let at = from; at < from + count; at += 1) {
        answered(history, at, { a: outcome })
        history.promoted(at, at, 0)
      }
      return history.seen('a')
    }
    expect(history.seen('a')).toEqual({ answers: 0, wrong: 0 })
    expect(answer(0, 1, wrong)).toEqual({ answers: 1, wrong: 1 })
    expect(answer(1, 3, right)).toEqual({ answers: 4, wrong: 0.25 })
    expect(answer(4, 96, right).wrong).toBeLessThan(0.01)
    expect(answer(100, 20, wrong).wrong).toBeGreaterThan(0.6)
    const other = new RowHistory()
    other.restore(history.snapshot())
    expect(other.seen('a')).toEqual(history.seen('a'))
  })

  it('keeps how probable live versions found what is right: a rise at once, a fall slowly', () => {
    const history = new RowHistory()
    const answer = (from: number, count: number, likelihood: number) => {
      for (let at = from; at < from + count; at += 1) {
        answered(history, at, { a: { error: 0, loss: -Math.log(likelihood) } })
        history.promoted(at, at, 0)
      }
      return history.usual('a')
    }
    expect(history.usual('a')).toBeUndefined()
    expect(answer(0, 1, 0.5)).toBeCloseTo(0.5, 5)
    expect(answer(1, 20, 0.9)).toBeGreaterThan(0.89)
    expect(answer(21, 20, 0.4)).toBeGreaterThan(0.79)
    const other = new RowHistory()
    other.restore(history.snapshot())
    expect(other.usual('a')).toBe(history.usual('a'))
  })

  it('keeps only the rows of the comparison, and none that was taken back', () => {
    const history = new RowHistory()
    answered(history, 1, { a: right, b: right })
    history.remove(['a'])
    expect(history.line('a', 1)).toBeUndefined()
    history.begin('head', ['a'])
    expect(history.line('b', 1)).toBeUndefined()
  })

  it('goes on from a snapshot, which stays the same object until something changes', () => {
    const history = new RowHistory()
    answered(history, 1, { a: right, b: wrong })
    history.promoted(1, 16, 4)
    const state = history.snapshot()
    expect(history.snapshot()).toBe(state)
    const other = new RowHistory()
    const text = JSON.stringify(state)
    for (let twice = 0; twice < 2; twice += 1)
      other.restore(JSON.parse(text) as ReturnType<RowHistory['snapshot']>)
    for (const each of [history, other]) {
      answered(each, 2, { a: wrong })
      each.promoted(2, 32, 4)
    }
    expect(JSON.stringify(other.snapshot())).toBe(JSON.stringify(history.snapshot()))
    expect(JSON.stringify(state)).toBe(text)
  })
})

describe('the rows of a comparison', () => {
  it('cost at most a fifth of the update: one pass forward against steps forward and backward', () => {
    // 32 rows forward and backward above the cut in two steps, 16 new ones below it.
    const size = { learned: 16, steps: 2, rows: 32 }
    for (const cost of [
      { trunk: 0, tail: 1, step: 3, start: 0 },
      { trunk: 4, tail: 2, step: 2, start: 10 },
      { trunk: 2, tail: 0.05, step: 3, start: 0 },
    ]) {
      const rows = rowBudget(size, cost)
      const update = cost.step * (32 + 2 * cost.start) * cost.tail + 16 * cost.trunk
      const cpu = (rows: number) => (cost.start + rows) * cost.tail
      expect(cpu(rows)).toBeLessThanOrEqual(0.2 * update)
      expect(cpu(rows + 1)).toBeGreaterThan(0.2 * update)
    }
  })

  it('are at least one, and all where no cost is known', () => {
    const none = { learned: 0, steps: 0, rows: 0 }
    expect(rowBudget(none, { trunk: 1, tail: 1, step: 2, start: 10 })).toBe(1)
    expect(rowBudget(none, undefined)).toBe(Infinity)
  })

  it('take turns, so that each is answered after some updates, also while others come', () => {
    const rows = ['a', 'b', 'c', 'd']
    const answered = new Map<string, number>()
    const answeredBy = (row: string) => answered.get(row) ?? -1
    const taken = [1, 2, 3].map((version) => {
      const next = nextRows(rows, 2, answeredBy)
      for (const row of next) answered.set(row, version)
      if (version === 1) rows.unshift('e')
      return next.join('')
    })
    expect(taken).toEqual(['ab', 'ec', 'da'])
  })

  describe('that the live version lacks', () => {
    const compare = (lacking: string, budget: number) => {
      const lacksLive = (row: string) => lacking.includes(row)
      const { own, live } = comparison(Array.from('abcdefgh'), {
        ...{ budget, start: 2, answeredBy: () => -1, lacksLive },
      })
      return [own.join(''), live.join('')]
    }

    it('are answered by it where more can be compared so, for the price of its pass', () => {
      expect(compare('abcdefgh', 8)).toEqual(['abc', 'abc'])
      expect(compare('abcdefgh', Infinity)).toEqual(['abcdefgh', 'abcdefgh'])
    })

    it('wait where most have its answer already, or where nothing pays for its pass', () => {
      expect(compare('ah', 8)).toEqual(['abcdefgh', ''])
      expect(compare('abcdefgh', 3)).toEqual(['abc', ''])
    })
  })
})
