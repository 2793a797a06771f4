/** Estimates of what another policy would have earned: closed forms, a simulation of known truth, and bounds that keep their promise. */
import { describe, expect, it } from 'vitest'
import type { Random } from '../../src/contracts/core.ts'
import {
  lead,
  lowerBound,
  offPolicyReport,
  type PolicyChoice,
} from '../../src/evaluation/off-policy.ts'
import { openRandom } from '../../src/platform/random.ts'

const choice = (
  reward: number,
  chosen: number,
  odds: number[],
  own: number[],
  expected: number[],
) => ({ logged: { reward, chosen, odds }, odds: own, expected }) satisfies PolicyChoice

describe('of two choices', () => {
  const [half, sure] = [
    [0.5, 0.5],
    [1, 0],
  ]
  const choices = [choice(1, 0, half, sure, [0.8, 0.4]), choice(1, 1, half, sure, [0.8, 0.4])]

  it('IPS, SNIPS and DR are what one computes by hand', () => {
    const { ips, snips, dr, uncovered } = offPolicyReport(choices)
    // Weights 2 and 0.
    expect(ips.value).toBeCloseTo((2 + 0) / 2)
    expect(snips).toBeCloseTo(2 / 2)
    // 2 · (1 − .8) + .8, and .8 alone.
    expect(dr.value).toBeCloseTo((1.2 + 0.8) / 2)
    expect(uncovered).toBe(0)
  })

  it('a policy that is the logged one earns what was earned', () => {
    const own = choices.map(({ logged, expected }) => ({ logged, odds: logged.odds, expected }))
    const { ips, snips } = offPolicyReport(own)
    expect([ips.value, snips]).toEqual([1, 1])
  })

  it('what the log never tries is said, and earns nothing in the lower bound', () => {
    const never = choice(0, 0, [1, 0], [0, 1], [0.2, 0.9])
    const { uncovered, dr, ips } = offPolicyReport([never, never])
    expect([uncovered, dr.value, ips.value]).toEqual([1, 0.9, 0])
    expect([dr.low, dr.high]).toEqual([0, 1])
  })

  it('of none it knows nothing', () => {
    const { ips, dr, snips } = offPolicyReport([])
    expect([ips, dr]).toEqual(Array(2).fill({ value: 0, low: 0, high: 1 }))
    expect(snips).toBe(0)
  })
})

/** Three contexts, four items; an item earns 1 with the probability of its context. */
const truth = [
  [0.1, 0.2, 0.6, 0.3],
  [0.5, 0.1, 0.1, 0.4],
  [0.3, 0.3, 0.2, 0.8],
]
const logging = [0.55, 0.15, 0.15, 0.15]
const wanted = [2, 0, 3]
const target = (context: number) =>
  [0, 1, 2, 3].map((item) => (item === wanted[context] ? 0.91 : 0.03))
const worse = (context: number) =>
  [0, 1, 2, 3].map((item) => (item === 1 ? 0.91 : context * 0 + 0.03))
const valueOf = (policy: (context: number) => number[]) =>
  truth.reduce(
    (sum, row, context) =>
      sum + row.reduce((part, each, item) => part + each * policy(context)[item]!, 0) / 3,
    0,
  )

function logOf(random: Random, count: number, policy: (context: number) => number[]) {
  return Array.from({ length: count }, () => {
    const context = random.below(3)
    const u = random.uniform()
    const chosen = u < 0.55 ? 0 : u < 0.7 ? 1 : u < 0.85 ? 2 : 3
    const reward = random.uniform() < truth[context]![chosen]! ? 1 : 0
    // A model that is somewhat wrong.
    const expected = truth[context]!.map((each) => 0.7 * each + 0.1)
    return choice(reward, chosen, logging, policy(context), expected)
  })
}

describe('in a simulation of known truth', () => {
  const value = valueOf(target)
  const reports = Array.from({ length: 200 }, (_, seed) =>
    offPolicyReport(logOf(openRandom(seed, 'log'), 300, target)),
  )
  const spread = (values: readonly number[]) => {
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length
    const squares = values.reduce((sum, each) => sum + (each - mean) ** 2, 0)
    return { mean, deviation: Math.sqrt(squares / (values.length - 1)) }
  }

  it('the estimates have the true mean, and doubly robust ones spread least', () => {
    const ips = spread(reports.map((each) => each.ips.value))
    const snips = spread(reports.map((each) => each.snips))
    const dr = spread(reports.map((each) => each.dr.value))
    for (const { mean, deviation } of [ips, dr])
      expect(Math.abs(mean - value)).toBeLessThan((4 * deviation) / Math.sqrt(200))
    expect(Math.abs(snips.mean - value)).toBeLessThan(0.02)
    expect(dr.deviation).toBeLessThan(ips.deviation)
    expect(snips.deviation).toBeLessThan(ips.deviation)
  })

  it('the bounds hold the truth in at least 95 of 100 runs, and say something', () => {
    for (const of of ['ips', 'dr'] as const) {
      const missed = reports.filter(({ [of]: each }) => value < each.low || value > each.high)
      expect(missed.length, of).toBeLessThanOrEqual(10)
      const width = spread(reports.map(({ [of]: each }) => each.high - each.low)).mean
      expect(width, of).toBeLessThan(0.45)
    }
  })

  it('a lower bound that is looked at after each choice is passed by the truth in few runs', () => {
    let missed = 0
    for (let seed = 0; seed < 60; seed += 1) {
      const values = logOf(openRandom(seed, 'looks'), 120, target).map(
        ({ logged, odds }) => (logged.reward * odds[logged.chosen]!) / logged.odds[logged.chosen]!,
      )
      // One that once refutes a mean goes on to: the last look has all of them.
      if (lowerBound(values, 0, 0.1, 1) > value) missed += 1
    }
    expect(missed).toBeLessThanOrEqual(10)
  })

  it('a policy that earns less is shown to, and one that earns more or the same is not', () => {
    expect(valueOf(worse)).toBeLessThan(value - 0.3)
    const one = logOf(openRandom(1, 'lead'), 400, target)
    const other = one.map(({ logged, expected }, at) => ({
      ...{ logged, expected },
      odds: worse(wanted.findIndex((item) => one[at]!.odds[item] === 0.91)),
    }))
    const shown = lead(one, other)
    expect(shown).toBeGreaterThan(0)
    expect(shown).toBeLessThan(value - valueOf(worse))
    expect(lead(other, one)).toBeLessThan(0)
    expect(lead(one, one)).toBeLessThanOrEqual(0)
  })
})
