/**
 * What a policy would have earned on choices that another one has made, each reward from 0 to 1. With π the policy, p the logged
 * probability, w = π(a)/p(a) of the item a that was chosen, y its reward, and q the rewards that a model expects:
 *
 *   IPS   = mean of w·y
 *   SNIPS = Σ w·y / Σ w
 *   DR    = mean of w·(y − q(a)) + Σ_b π(b)·q(b)
 *
 * A lower bound of a mean bets against it, as the sequential test of policies does: with x ≥ −k and mean at most m no product of
 * 1 + λ(x − m) grows on average while λ < 1/(m + k), so one that has reached 1/α refutes m, whenever one looks. Weights have no upper
 * bound, and none is needed: the upper bound is 1 minus the lower one of what is not earned. For DR the model is cut to
 * q(b) ≤ 1/w(b), so that k = 1.
 *
 * Horvitz & Thompson (1952); Swaminathan & Joachims (2015), "The self-normalized estimator for counterfactual learning"; Dudík et
 * al. (2011), "Doubly robust policy evaluation and learning"; Waudby-Smith et al. (2022), "Anytime-valid off-policy inference for
 * contextual bandits".
 */
import type { LoggedChoice } from '../contracts/choice.ts'
import type { OffPolicyReport, ValueEstimate } from '../contracts/release.ts'

/** A logged choice and what a policy makes of it: its probability and expected reward of each candidate. */
export interface PolicyChoice {
  readonly logged: LoggedChoice
  readonly odds: ArrayLike<number>
  readonly expected: ArrayLike<number>
}

/** Of both bounds together. */
const ALPHA = 0.05

export function offPolicyReport(choices: readonly PolicyChoice[]): OffPolicyReport {
  const weights = choices.map(weightOf)
  const earned = choices.map(({ logged }, at) => (weights[at] ?? 0) * logged.reward)
  const unearned = choices.map(({ logged }, at) => (weights[at] ?? 0) * (1 - logged.reward))
  const sum = weights.reduce((total, each) => total + each, 0)
  return {
    choices: choices.length,
    ips: between(meanOf(earned), earned, unearned, 0),
    snips: sum === 0 ? 0 : earned.reduce((total, each) => total + each, 0) / sum,
    dr: between(
      meanOf(choices.map((each) => robust(each, Infinity))),
      choices.map((each) => robust(each, 1)),
      choices.map((each) => robust(unearnedOf(each), 1)),
      1,
    ),
    uncovered: meanOf(choices.map(uncoveredBy)),
  }
}

/**
 * The lower bound of how much more `one` earns than `other`, on the same choices:
 *
 *   mean of w₁·y + w₂·(1 − y), minus 1; exactly 0 where both choose the same
 */
export function lead(one: readonly PolicyChoice[], other: readonly PolicyChoice[]): number {
  const values = one.map((first, at) => {
    const second = other[at]
    if (second === undefined || isSame(first.odds, second.odds)) return 1
    const { reward } = first.logged
    return weightOf(first) * reward + weightOf(second) * (1 - reward)
  })
  return lowerBound(values, 0, ALPHA / 2, 2) - 1
}

function weightOf({ logged: { chosen, odds }, odds: own }: PolicyChoice): number {
  const logged = odds[chosen] ?? 0
  return logged > 0 ? (own[chosen] ?? 0) / logged : 0
}

/** w·(y − q̂(a)) + Σ_b π(b)·q̂(b), with q̂ = min(q, most / w). */
function robust({ logged, odds, expected }: PolicyChoice, most: number): number {
  const cut = (at: number) => {
    if (most === Infinity) return expected[at] ?? 0
    const weight = (odds[at] ?? 0) / (logged.odds[at] ?? 0)
    return weight > 0 ? Math.min(expected[at] ?? 0, most / weight) : (expected[at] ?? 0)
  }
  const { chosen, reward } = logged
  let sum = weightOf({ logged, odds, expected }) * (reward - cut(chosen))
  for (let at = 0; at < logged.odds.length; at += 1) {
    const share = odds[at] ?? 0
    // Where the log never goes, nothing is known: the cut model expects nothing there.
    if (share > 0) sum += share * cut(at)
  }
  return sum
}

function unearnedOf({ logged, odds, expected }: PolicyChoice): PolicyChoice {
  return {
    logged: { ...logged, reward: 1 - logged.reward },
    odds,
    expected: Array.from(expected, (each) => 1 - each),
  }
}

function uncoveredBy({ logged, odds }: PolicyChoice): number {
  return logged.odds.reduce((sum, each, at) => (each > 0 ? sum : sum + (odds[at] ?? 0)), 0)
}

function between(
  value: number,
  earned: readonly number[],
  unearned: readonly number[],
  k: number,
): ValueEstimate {
  const low = Math.max(0, lowerBound(earned, k, ALPHA / 2, 1))
  const high = Math.min(1, 1 - lowerBound(unearned, k, ALPHA / 2, 1))
  // What refutes all means at once was not drawn with the logged probabilities: it says nothing.
  return low > high ? { value, low: 0, high: 1 } : { value, low, high }
}

/** Shares of the largest bet. */
const STAKES = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7] as const
const HALVINGS = 24

/**
 * The largest mean that is refuted, of numbers of at least −k and a mean of at most `most`: below all means with probability 1 − α,
 * at all times together. In the order of the numbers.
 */
export function lowerBound(
  values: readonly number[],
  k: number,
  alpha: number,
  most: number,
): number {
  let [low, high] = [-k, most]
  for (let halving = 0; halving < HALVINGS; halving += 1) {
    const mean = (low + high) / 2
    if (isRefuted(values, mean, k, alpha)) low = mean
    else high = mean
  }
  return low
}

function isRefuted(values: readonly number[], mean: number, k: number, alpha: number): boolean {
  const room = mean + k
  if (room <= 0) return false
  const logs = new Float64Array(STAKES.length)
  const needed = Math.log(STAKES.length / alpha)
  for (const value of values) {
    let wealth = 0
    for (const [at, stake] of STAKES.entries()) {
      const log = (logs[at] ?? 0) + Math.log1p((stake * (value - mean)) / room)
      logs[at] = log
      wealth += Math.exp(log - needed)
    }
    if (wealth >= 1) return true
  }
  return false
}

function isSame(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  return Array.from(one).every((each, at) => each === other[at])
}

function meanOf(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, each) => sum + each, 0) / values.length
}
