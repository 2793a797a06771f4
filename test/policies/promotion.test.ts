/** What is special about each promotion policy, and policies that decide together. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openRandom } from '../../src/platform/random.ts'
import type { GoldenOutcome, RowOutcome } from '../../src/contracts/release.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import type { Promotion, PromotionFacts, Scores } from '../../src/contracts/release.ts'
import { RowHistory } from '../../src/evaluation/row-history.ts'
import { jointPromotion } from '../../src/evaluation/release-decisions.ts'

const open = (policy: string, settings: object = {}): Promotion =>
  openPolicy('promotion', policies.promotion, { policy, ...settings })

function scoresOf(accuracy: number): Scores {
  return { count: 100, accuracy, accuracy_recent: accuracy, loss: 1 - accuracy }
}

function compared(candidate: number, live: number): PromotionFacts {
  return {
    version: 'v9',
    rows: 100,
    from: 'held-out',
    candidate: scoresOf(candidate),
    live: scoresOf(live),
    prequential: scoresOf(0.5),
  }
}

const unknown: PromotionFacts = {
  version: 'v1',
  rows: 0,
  from: 'none',
  candidate: scoresOf(0),
  prequential: scoresOf(0),
}

describe('slice-gap', () => {
  const gap = { best: 'eu', worst: 'us', points: 20, low: 12, high: 28, slices: 2 }

  it.each([
    [10, 'hold'],
    [12, 'promote'],
    [20, 'promote'],
  ])('of at least 12 points is, with %d allowed, a case to %s', (max_points, verdict) => {
    const decision = open('slice-gap', { max_points }).decide({ ...unknown, sliceGap: gap })
    expect(decision).toEqual({
      verdict,
      reason: `slice-gap: “us” is 20.0 points (12.0 to 28.0) below “eu”, ${max_points} are allowed`,
    })
  })

  it('promotes where no two slices can be compared', () => {
    expect(open('slice-gap').decide(unknown).verdict).toBe('promote')
  })
})

describe('kl', () => {
  it.each([
    [0.4, 'promote'],
    [0.5, 'promote'],
    [0.6, 'hold'],
  ])('of %d nats a token, where 0.5 are allowed, is a case to %s', (per_token, verdict) => {
    const kl = { per_token, rows: 7, from: 'held-out' } as const
    expect(open('kl').decide({ ...unknown, kl })).toEqual({
      verdict,
      reason: `kl: ${per_token.toFixed(4)} nats a token from the base on 7 rows, 0.5 are allowed`,
    })
  })

  it('promotes where there is nothing to measure it on', () => {
    expect(open('kl').decide(unknown).verdict).toBe('promote')
  })
})

describe('manual', () => {
  it('holds every candidate, however good it is', () => {
    for (const facts of [unknown, compared(1, 0)])
      expect(open('manual').decide(facts).verdict).toBe('hold')
  })
})

describe('margin', () => {
  it.each([
    [0, 0.7, 0.7, 'promote'],
    [0, 0.69, 0.7, 'hold'],
    [10, 0.7, 0.6, 'promote'],
    [10, 0.69, 0.6, 'hold'],
    [-2, 0.68, 0.7, 'promote'],
    [-2, 0.67, 0.7, 'hold'],
  ])('of %d points: %d after %d is a case to %s', (points, candidate, live, verdict) => {
    expect(open('margin', { points }).decide(compared(candidate, live)).verdict).toBe(verdict)
  })

  it('promotes where there is nothing to compare with', () => {
    expect(open('margin', { points: 5 }).decide(unknown)).toEqual({
      verdict: 'promote',
      reason: 'margin: no examples on which to compare',
    })
  })
})

describe('policies that decide together', () => {
  const joint = (...names: string[]) =>
    jointPromotion(names.map((name) => ({ name, policy: open(name) })))

  it('promote when every one agrees, and say what each has said', () => {
    const decision = joint('always', 'margin').decide(compared(0.8, 0.7))
    expect(decision.verdict).toBe('promote')
    expect(decision.verdicts).toEqual([
      { policy: 'always', verdict: 'promote', reason: 'every version goes live' },
      {
        policy: 'margin',
        verdict: 'promote',
        reason: 'margin: 10.0 points better on 100 examples, 0 required',
      },
    ])
  })

  it('hold when one of them does: the reason names only those that hold', () => {
    const decision = joint('always', 'margin', 'manual').decide(compared(0.6, 0.7))
    expect(decision).toMatchObject({
      verdict: 'hold',
      reason:
        'margin: 10.0 points worse on 100 examples, 0 required; manual: held until a person promotes it',
    })
    expect(decision.verdicts?.map(({ verdict }) => verdict)).toEqual(['promote', 'hold', 'hold'])
  })

  it('name the better version that one of them knows', () => {
    const better: Promotion = {
      decide: () => ({ verdict: 'hold', reason: 'worse', better: 'v3' }),
    }
    const both = [
      { name: 'always', policy: open('always') },
      { name: 'own', policy: better },
    ]
    expect(jointPromotion(both).decide(unknown)).toMatchObject({ isHarmful: true, better: 'v3' })
  })

  it('look at scores when one of them does', () => {
    expect(joint('always', 'manual').looksAtScores).toBe(false)
    expect(joint('always', 'margin').looksAtScores).toBeUndefined()
  })

  it('need what any of them needs: most versions, and all examples', () => {
    const needing = (needs: Promotion['needs']) => ({ ...open('always'), ...(needs && { needs }) })
    const [one, other] = [
      { file: 'g.jsonl', line: 1, text: 'a' },
      { file: 'g.jsonl', line: 2, text: 'b' },
    ]
    const { needs } = jointPromotion([
      { name: 'a', policy: needing({ versions: 10, golden: [one] }) },
      { name: 'b', policy: needing({ versions: 40, heldOut: true, golden: [other] }) },
      { name: 'c', policy: needing(undefined) },
    ])
    expect(needs).toEqual({ heldOut: true, versions: 40, golden: [one, other] })
  })

  it('a single one decides with its own reason', () => {
    expect(joint('always').decide(unknown)).toMatchObject({
      verdict: 'promote',
      reason: 'every version goes live',
      isUsual: true,
    })
  })
})

/** Rows that both have answered: of 1000, so many only the live version has right, and so many only the candidate. */
function paired(rows: number, { lost, won }: { lost: number; won: number }, seed = 1) {
  const random = openRandom(seed, 'rows')
  return Array.from({ length: rows }, (): RowOutcome => {
    const drawn = 1000 * random.uniform()
    const [candidate, live] = drawn < lost ? [1, 0] : drawn < lost + won ? [0, 1] : [0, 0]
    return { strata: ['a'], candidate, live, isFresh: true, past: [] }
  })
}

describe('held-out', () => {
  const decide = (outcomes: readonly RowOutcome[], settings = {}) =>
    open('held-out', settings).decide({ ...compared(0.7, 0.7), outcomes })

  it('asks for rows that nothing trains on', () => {
    expect(open('held-out').needs).toEqual({ heldOut: true })
  })

  it('holds what is shown to be worse, with the evidence in the reason', () => {
    const { verdict, reason } = decide(paired(200, { lost: 200, won: 20 }))
    expect(verdict).toBe('hold')
    expect(reason).toMatch(/^held-out: \d+\.\d points worse on 200 examples, p ≤ 0?\.\d|e-/)
  })

  it('holds at most a share alpha of the candidates that are no worse', () => {
    const held = Array.from({ length: 1000 }, (_, seed) =>
      decide(paired(200, { lost: 60, won: 60 }, seed), { alpha: 0.02, points: 0 }),
    ).filter(({ verdict }) => verdict === 'hold')
    expect(held.length).toBeLessThanOrEqual(20 + 3 * Math.sqrt(20))
  })

  it('does not count rows that an earlier version has answered for the candidate', () => {
    const stale = paired(200, { lost: 300, won: 0 }).map((row) => ({ ...row, isFresh: false }))
    expect(decide(stale)).toMatchObject({
      verdict: 'promote',
      reason: expect.stringMatching(/no examples/) as string,
    })
  })

  it('in doubt holds what is not yet shown to be no worse, and promotes it with more rows', () => {
    const settings = { hold_on: 'doubt', points: 2 }
    const same = (rows: number) => decide(paired(rows, { lost: 0, won: 0 }), settings)
    expect(same(20)).toMatchObject({
      verdict: 'hold',
      reason: expect.stringMatching(/not yet shown/) as string,
    })
    expect(same(400).verdict).toBe('promote')
    // No candidate can be worse by more than that.
    const any = { hold_on: 'doubt', points: 100 }
    expect(decide(paired(20, { lost: 0, won: 0 }), any).verdict).toBe('promote')
  })
})

describe('retention', () => {
  const rowsOf = (
    stratum: string,
    count: number,
    { now, before }: Record<'now' | 'before', number>,
  ) =>
    Array.from({ length: count }, (_, at): RowOutcome => ({
      strata: [stratum],
      candidate: at < count * now ? 1 : 0,
      isFresh: false,
      past: [at < count * before ? 1 : 0],
    }))
  const periods = [{ first: 'v40', last: 'v60', events: 1000 }]
  const decide = (outcomes: readonly RowOutcome[], more = {}) =>
    open('retention').decide({ ...compared(0.7, 0.7), outcomes, periods, ...more })

  it('holds a candidate that has forgotten one label, although all together it is no worse', () => {
    const outcomes = [
      ...rowsOf('a', 100, { now: 0.6, before: 0.1 }),
      ...rowsOf('b', 100, { now: 0, before: 0.5 }),
    ]
    const { verdict, reason } = decide(outcomes)
    expect(verdict).toBe('hold')
    expect(reason).toBe('retention: against v40–v60, “a” has lost 50.0 points on 100 rows')
  })

  it('looks at everything together, and names the better version to go back to', () => {
    const outcomes = Array.from({ length: 100 }, (_, at): RowOutcome => ({
      strata: [`label ${at % 10}`],
      candidate: at % 3 === 0 ? 1 : 0,
      isFresh: true,
      past: [0],
    }))
    // Of ten rows each label has lost too few to be sure of one.
    expect(decide(outcomes)).toEqual({
      verdict: 'hold',
      reason: 'retention: against v40–v60, everything has lost 34.0 points on 100 rows',
      better: 'v60',
    })
  })

  it('looks at slices too', () => {
    const outcomes = rowsOf('a', 200, { now: 0.2, before: 0 }).map((row, at) => ({
      ...row,
      slice: at < 40 ? 'north' : 'south',
    }))
    expect(decide(outcomes).reason).toMatch(/slice “north” has lost 100\.0 points on 40 rows/)
    expect(decide(outcomes).reason).not.toMatch(/south/)
  })

  it('promotes where nothing has fallen by more than the points', () => {
    const outcomes = [
      ...rowsOf('a', 100, { now: 0.13, before: 0.1 }),
      ...rowsOf('b', 100, { now: 0.2, before: 0.5 }),
    ]
    expect(decide(outcomes)).toMatchObject({
      verdict: 'promote',
      reason: expect.stringMatching(/nothing has fallen/) as string,
    })
  })

  it('takes no measure from versions of a model that had learned too little', () => {
    const outcomes = rowsOf('a', 100, { now: 0.6, before: 0 })
    const early = { periods: [{ first: 'v1', last: 'v20', events: 0 }] }
    expect(decide(outcomes, early)).toMatchObject({
      verdict: 'promote',
      reason: expect.stringMatching(/no earlier/) as string,
    })
  })

  it('compares with the best past, so that many small steps add up', () => {
    const past = (at: number) => [0, 10, 20, 30].map((wrong) => (at < wrong ? 1 : 0))
    const outcomes = Array.from({ length: 100 }, (_, at): RowOutcome => ({
      strata: ['a'],
      candidate: at < 35 ? 1 : 0,
      isFresh: true,
      past: past(at),
    }))
    const four = [1, 2, 3, 4].map((at) => ({ first: `v${at}0`, last: `v${at}9`, events: 1000 }))
    expect(decide(outcomes, { periods: four }).reason).toMatch(
      /against v10–v19, everything has lost 35.*, “a” has lost 35/,
    )
  })
})

describe('golden', () => {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-golden-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'golden.jsonl')
  const write = (text: string) => {
    writeFileSync(file, text)
    return file
  }
  const outcome = (line: number, error: number, answers: number, wrong = 0) => ({
    ...{ file, line, error, answers, wrong },
    ...{ streak: wrong > 0 ? 0 : answers, strata: ['a'], likelihood: 0.5 },
  })
  const decide = (golden: readonly GoldenOutcome[], settings = {}) =>
    open('golden', { file: write('{"text":"a","label":"yes"}\n'), ...settings }).decide({
      ...compared(0.7, 0.7),
      golden,
    })

  it('asks for the lines of its file, with their numbers', () => {
    const text = '{"text":"a","label":"yes"}\n\n{"text":"b","label":"no"}\n'
    expect(open('golden', { file: write(text) }).needs).toEqual({
      golden: [
        { file, line: 1, text: '{"text":"a","label":"yes"}' },
        { file, line: 3, text: '{"text":"b","label":"no"}' },
      ],
    })
  })

  it('holds a candidate that has examples wrong that were right, and does not count new ones', () => {
    const outcomes = [outcome(1, 0, 300), outcome(3, 1, 300), outcome(5, 1, 30), outcome(4, 1, 9)]
    expect(decide(outcomes)).toEqual({
      verdict: 'hold',
      reason: 'golden: 2 of 3 examples are wrong now (lines 3, 5)',
    })
    expect(decide(outcomes, { lose: 2 }).verdict).toBe('promote')
    expect(decide(outcomes, { secure: 5, alpha: 1 }).reason).toMatch(/3 of 4 .*lines 3, 5, 4/)
  })

  it('names the newest earlier version that would pass, which is the one to go back to', () => {
    const wrongIn = ['v9', 'v8', 'v4']
    const outcomes = [1, 2, 3].map((line) => ({ ...outcome(line, 1, 300), wrongIn }))
    const against = (goldenVersions: readonly string[]) =>
      open('golden', { file: write('{"text":"a","label":"yes"}\n') }).decide({
        ...compared(0.7, 0.7),
        ...{ golden: outcomes, goldenVersions },
      })
    const { better, reason } = against(['v9', 'v8', 'v7', 'v6', 'v4'])
    expect(better).toBe('v7')
    expect(reason).toMatch(/^golden: 3 of 3 examples are wrong now .*; v7 would pass$/)
    expect(against(['v9', 'v4']).reason).toMatch(/; none of the last 2 live versions would pass$/)
    expect(against(['v9', 'v4'])).not.toHaveProperty('better')
  })

  it('takes for chance as many as usually waver, and not more', () => {
    const wrong = (count: number) =>
      decide(Array.from({ length: 40 }, (_, at) => outcome(at, at < count ? 1 : 0, 60, 0.05)))
        .verdict
    expect([0, 2, 5, 8, 10].map(wrong)).toEqual(['promote', 'promote', 'promote', 'hold', 'hold'])
  })

  it('adds up examples that turn wrong one after another', () => {
    const turned = (count: number) =>
      Array.from({ length: 40 }, (_, at) =>
        outcome(at, at < count ? 1 : 0, 60, at < count ? 0.05 * at : 0),
      )
    expect([1, 2, 3].map((count) => decide(turned(count)).verdict)).toEqual([
      'promote',
      'hold',
      'hold',
    ])
  })

  describe('the probability of what is right', () => {
    const fallen = (drops: readonly number[], { stratum = 'b', answers = 30 } = {}) =>
      drops.map((drop, line) => ({
        ...outcome(line, 0, answers),
        ...{ strata: [stratum], likelihood: 0.9 - drop, usual: 0.9 },
      }))
    const steady = fallen([0, 0.02, -0.02, 0.01, 0, 0.03], { stratum: 'a' })

    it('holds when it has fallen for one label, though every answer is right', () => {
      const drops = [0.3, 0.2, 0.25, 0.3, 0.2, 0.25]
      expect(decide([...steady, ...fallen(drops)])).toEqual({
        verdict: 'hold',
        reason:
          'golden: right answers of “b” are 25 points less probable than before, on 6 examples',
      })
      expect(decide(fallen(drops), { confidence: 30 }).verdict).toBe('promote')
      expect(decide(fallen(drops), { confidence: 100 }).verdict).toBe('promote')
    })

    it('lets waver a few examples, or new ones, and all a little', () => {
      const few = [0.3, 0.2, 0.25, 0.3]
      const little = [0.3, 0, 0.1, 0.1, 0, 0]
      const decided = [few, little].map((drops) => decide([...steady, ...fallen(drops)]))
      decided.push(decide(fallen([...few, ...few], { answers: 9 })))
      expect(decided.map(({ verdict }) => verdict)).toEqual(['promote', 'promote', 'promote'])
      expect(decided[1]?.reason).toBe(
        'golden: 12 of 12 examples are right (of 12 in the file); right answers of “b” are 8 points less probable',
      )
    })
  })

  describe.each([
    ['that turn wrong one by one', 1],
    ['that turn wrong ten at a time, because only their numbers differ', 10],
  ])('of 500 sound candidates on examples %s', (_, together) => {
    it('holds no more than alpha says', () => {
      const letter = (at: number) => String.fromCodePoint(97 + at)
      const name = (group: number) => letter(group % 26) + letter(Math.floor(group / 26))
      const text = (at: number) => `${name(Math.floor(at / together))} costs ${at} euro.`
      const lines = Array.from({ length: 100 }, (_each, at) =>
        JSON.stringify({ text: text(at), label: 'yes' }),
      )
      const { decide } = open('golden', { file: write(lines.join('\n')) })
      const random = openRandom(1, 'golden')
      const history = new RowHistory()
      const keys = lines.map((_each, at) => String(at))
      let held = 0
      history.begin('', keys)
      for (let version = 0; version < 600; version += 1) {
        const groups = Array.from({ length: 100 / together }, () => random.uniform() < 0.03)
        const errors = keys.map((_each, at) => (groups[Math.floor(at / together)]! ? 1 : 0))
        for (const [at, key] of keys.entries())
          history.answered(key, version, { error: errors[at]!, loss: 0.7 })
        const golden = keys.map((key, at) => ({
          ...{ file, line: at + 1, error: errors[at]!, strata: ['a'], likelihood: 0.5 },
          ...{ streak: history.streak(key), ...history.seen(key) },
        }))
        const { verdict } = decide({ ...compared(0.7, 0.7), golden })
        if (verdict === 'promote') history.promoted(version, 8, 0)
        else if (version >= 100) held += 1
      }
      expect(held).toBeLessThanOrEqual(0.02 * 500)
    })
  })

  it('counts examples with the same words and another label, or without a text, one by one', () => {
    const both = [
      ['{"text":"a 1","label":"yes"}', '{"text":"a 2","label":"no"}'],
      ['{"features":[1],"label":"yes"}', '{"features":[2],"label":"yes"}'],
      ['{"input":{"text":"1"},"label":"yes"}', '{"input":{"text":"2"},"label":"yes"}'],
    ]
    const golden = [outcome(1, 1, 300), outcome(2, 1, 300)]
    const verdicts = both.map((lines) => {
      const policy = open('golden', { file: write(lines.join('\n')) })
      return policy.decide({ ...compared(0.7, 0.7), golden }).verdict
    })
    expect(verdicts).toEqual(['hold', 'hold', 'hold'])
  })

  it('does not count an example that is mostly wrong', () => {
    const hard = Array.from({ length: 10 }, (_, at) => outcome(at, 1, 60, 0.9))
    expect(decide(hard).reason).toBe('golden: 0 of 0 examples are right (of 10 in the file)')
  })

  it('holds for any wrong example, where the config says so', () => {
    const outcomes = [outcome(1, 0, 30), outcome(3, 1, 30, 0.2)]
    expect(decide(outcomes).verdict).toBe('promote')
    expect(decide(outcomes, { alpha: 1 }).verdict).toBe('hold')
  })

  it('promotes a first version, which has nothing right yet', () => {
    expect(decide([outcome(1, 1, 0)]).verdict).toBe('promote')
  })

  it.each([
    ['is not there', undefined, /ENOENT/],
    ['has no line', '\n', /has no example/],
    ['has too many lines', '{}\n'.repeat(1001), /at most 1000/],
  ])('refuses a file that %s', (_what, text, message) => {
    const path = text === undefined ? '/no/such/golden.jsonl' : write(text)
    expect(() => open('golden', { file: path })).toThrow(message)
  })
})
