/** The stated error rate of the sequential test, by simulation: seeded streams, looked at after every observation. */
import { describe, expect, it } from 'vitest'
import { SequentialTest } from '../../policies/sequential-test.ts'
import type { Random } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'

const STREAMS = 2000
const LENGTH = 300
const alpha = 0.05

/** Each stream has exactly the mean that the hypothesis still allows: the hardest case. */
const atTheBorder: Readonly<
  Record<string, { readonly atMost?: number; readonly next: (random: Random) => Next }>
> = {
  'paired answers of two equal versions': {
    next: (random) => () => answered(random, 0.1, 0.1),
  },
  'rare large losses among small gains': {
    next: (random) => () => (random.uniform() < 0.1 ? 0.9 : -0.1),
  },
  'rare large gains among small losses': {
    next: (random) => () => (random.uniform() < 0.1 ? -0.9 : 0.1),
  },
  'fair coins of two sides': { next: (random) => () => (random.uniform() < 0.5 ? 1 : -1) },
  'answers that are worse by the margin of the hypothesis': {
    atMost: 0.05,
    next: (random) => () => answered(random, 0.15, 0.1),
  },
  'numbers whose spread depends on those before them': {
    next: (random) => {
      let last = 1
      return () => {
        const spread = last > 0 ? 1 : 0.05
        last = random.uniform() < 0.5 ? spread : -spread
        return last
      }
    },
  },
}

type Next = () => number

function answered(random: Random, worse: number, better: number): number {
  const drawn = random.uniform()
  if (drawn < worse) return 1
  return drawn < worse + better ? -1 : 0
}

function shareRejected(
  open: (stream: number) => { readonly next: Next; readonly test: SequentialTest },
  length = LENGTH,
): number {
  let rejected = 0
  for (let stream = 0; stream < STREAMS; stream += 1) {
    const { next, test } = open(stream)
    for (let at = 0; at < length && !test.isRejected; at += 1) test.observe(next())
    rejected += Number(test.isRejected)
  }
  return rejected / STREAMS
}

describe('the error rate of the sequential test', () => {
  for (const [name, { next, atMost = 0 }] of Object.entries(atTheBorder))
    it(`is at most ${alpha} for ${name}`, () => {
      const share = shareRejected((stream) => ({
        next: next(openRandom(7, `${name} ${stream}`)),
        test: new SequentialTest({ alpha, atMost }),
      }))
      // Three standard errors of a share over so many streams.
      expect(share).toBeLessThan(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / STREAMS))
    })

  it('is that of a test for all lengths: a test of a fixed length, looked at each time, errs far more often', () => {
    const rejected = Array.from({ length: STREAMS }, (_, stream) => {
      const random = openRandom(7, `fixed ${stream}`)
      let sum = 0
      for (let count = 1; count <= LENGTH; count += 1) {
        sum += random.uniform() < 0.5 ? 1 : -1
        // One-sided z-test at 5 %.
        if (count >= 10 && sum / Math.sqrt(count) > 1.645) return 1
      }
      return 0
    })
    const share = rejected.reduce<number>((total, each) => total + each, 0) / STREAMS
    expect(share).toBeGreaterThan(4 * alpha)
  })
})

describe('the power of the sequential test', () => {
  const cases = [
    { what: 'half of the answers are wrong now', worse: 0.5, better: 0, within: 30 },
    { what: 'ten points are lost', worse: 0.15, better: 0.05, within: 300 },
    { what: 'five points are lost', worse: 0.1, better: 0.05, within: 1000 },
  ]
  for (const { what, worse, better, within } of cases)
    it(`finds within ${within} examples that ${what}, in nine of ten streams`, () => {
      const share = shareRejected((stream) => {
        const random = openRandom(11, `${what} ${stream}`)
        const test = new SequentialTest({ alpha })
        return { test, next: () => answered(random, worse, better) }
      }, within)
      expect(share).toBeGreaterThan(0.9)
    })
})

describe('a sequential test', () => {
  it('stays with its rejection, and says from how many numbers and which mean', () => {
    const test = new SequentialTest({ alpha })
    for (let times = 0; times < 20; times += 1) test.observe(1)
    expect(test.isRejected).toBe(true)
    const { pValue } = test
    for (let times = 0; times < 20; times += 1) test.observe(-1)
    expect(test).toMatchObject({ isRejected: true, pValue, count: 40, mean: 0 })
    expect(pValue).toBeLessThanOrEqual(alpha)
  })

  it('goes on from a snapshot as if nothing had happened, and copies it', () => {
    const test = new SequentialTest({ alpha })
    for (let times = 0; times < 5; times += 1) test.observe(0.5)
    const state = test.snapshot()
    const text = JSON.stringify(state)
    const other = new SequentialTest({ alpha })
    for (let twice = 0; twice < 2; twice += 1) other.restore(state)
    for (const each of [test, other]) each.observe(0.3)
    expect(other.snapshot()).toEqual(test.snapshot())
    expect(JSON.stringify(state)).toBe(text)
  })

  it('starts again from a state that is not its own', () => {
    const test = new SequentialTest({ alpha })
    test.observe(1)
    for (const state of [null, {}, { log_wealth: [1, 2] }, 'other']) {
      test.restore(state)
      expect(test).toMatchObject({ count: 0, pValue: 1, isRejected: false })
    }
  })

  it('takes a number outside its bounds as the bound, and one that is none as nothing', () => {
    const [one, other] = [new SequentialTest({ alpha }), new SequentialTest({ alpha })]
    for (const value of [5, -7, Number.NaN]) one.observe(value)
    for (const value of [1, -1]) other.observe(value)
    expect(one.snapshot()).toEqual(other.snapshot())
  })
})
