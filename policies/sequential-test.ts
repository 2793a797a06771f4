/**
 * A test of "the mean of a bounded number is at most m" that may be looked at after every observation.
 *
 * It bets against the hypothesis: starting with 1, it stakes the share λ of its wealth that the next number is above m. If
 * the hypothesis is true, no bet wins on average, so the wealth ever reaches 1/α with a probability of at most α
 * (Ville's inequality), however often one looks and whenever one stops. It needs no equal distribution and no
 * independence: it is enough that each number, given those before it, has a mean of at most m.
 *
 *   Wᵗ(λ) = Π (1 + λ·(xₛ − m)),  0 < λ < 1/(m + 1);    Eᵗ = mean of Wᵗ(λ) over a grid of λ;    reject ⇔ maxₛ≤ₜ Eˢ ≥ 1/α
 *
 * With x = worse − better for two answers to the same example (each right 1, wrong 0), it tests "the candidate is no
 * worse than the live version by more than m". A grid of λ needs no estimate of the variance, and its mean is within
 * a factor of its size of the best λ.
 *
 * Waudby-Smith & Ramdas (2024), "Estimating means of bounded random variables by betting", JRSS B 86(1);
 * Ville (1939), "Étude critique de la notion de collectif".
 */
import type { Json, Stateful } from '../src/contracts/core.ts'
import { ownState } from './state.ts'

export interface SequentialTestSettings {
  /** The error rate: the largest probability of ever rejecting a hypothesis that is true. */
  readonly alpha: number
  /** m: the hypothesis is that the mean is at most this. Between −1 and 1. */
  readonly atMost?: number
}

/** Shares of the largest stake: small ones find small differences, large ones find large differences fast. */
const STAKES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9] as const

/** Between the bound of the hypothesis and the lowest possible mean. */
const LEAST_ROOM = 1e-6

export class SequentialTest implements Stateful {
  readonly #alpha: number
  readonly #atMost: number
  /** log Wᵗ(λ), one per stake. */
  #logWealth: readonly number[] = STAKES.map(() => 0)
  #peak = 0
  #count = 0
  #sum = 0

  constructor({ alpha, atMost = 0 }: SequentialTestSettings) {
    this.#alpha = alpha
    this.#atMost = atMost
  }

  /** A number between −1 and 1; one outside counts as the nearer bound. */
  observe(value: number): void {
    // A value that is not a number says nothing.
    if (Number.isNaN(value)) return
    const bounded = Math.max(-1, Math.min(1, value))
    const above = bounded - this.#atMost
    // No number is below −1, so there the largest stake would be without end.
    const largest = 1 / Math.max(1 + this.#atMost, LEAST_ROOM)
    this.#logWealth = this.#logWealth.map(
      (log, at) => log + Math.log1p((STAKES[at] ?? 0) * largest * above),
    )
    this.#count += 1
    this.#sum += bounded
    this.#peak = Math.max(this.#peak, logMeanExp(this.#logWealth))
  }

  /** The mean was shown to be above `atMost`. Stays true. */
  get isRejected(): boolean {
    return this.#peak >= -Math.log(this.#alpha)
  }

  /** An anytime-valid p-value: 1/max E, at most 1. */
  get pValue(): number {
    return Math.exp(-this.#peak)
  }

  get count(): number {
    return this.#count
  }

  /** The mean of the observations; 0 before the first. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count
  }

  snapshot(): Json {
    return {
      log_wealth: [...this.#logWealth],
      peak: this.#peak,
      count: this.#count,
      sum: this.#sum,
    }
  }

  /** Any other state, or none, means a fresh start. */
  restore(state: Json): void {
    const own = ownState<State>(state, 'log_wealth')
    // A state from a release with other stakes is not continued: its wealth was earned with other bets.
    const mine = own?.log_wealth.length === STAKES.length ? own : undefined
    this.#logWealth = mine ? [...mine.log_wealth] : STAKES.map(() => 0)
    this.#peak = mine?.peak ?? 0
    this.#count = mine?.count ?? 0
    this.#sum = mine?.sum ?? 0
  }
}

function logMeanExp(logs: readonly number[]): number {
  const most = Math.max(...logs)
  const sum = logs.reduce((total, log) => total + Math.exp(log - most), 0)
  return most + Math.log(sum / logs.length)
}

interface State {
  readonly log_wealth: readonly number[]
  readonly peak: number
  readonly count: number
  readonly sum: number
}
