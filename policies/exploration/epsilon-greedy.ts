/**
 * The best item, and now and then any.
 *
 *   P(i) = ε / n + (1 − ε) · [i has the highest score] / (items that have it)
 *
 * The simplest exploration: each item keeps a known part of the answers, so the reward of any other policy can be
 * estimated from the log. Sutton & Barto (2018), "Reinforcement learning", 2.2.
 *
 *     task: ranking
 *     exploration: { policy: epsilon-greedy, epsilon: 0.05 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Exploration } from '../../src/contracts/choice.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import { number } from '../settings.ts'

const settings = {
  epsilon: number([0, 1], 0.05, 'share of places that any item may take'),
} as const

export const epsilonGreedy: PolicyKind<Exploration, SettingsOf<typeof settings>> = {
  summary: 'the best item, and now and then any',
  settings,
  open: ({ epsilon }) => ({
    next: (remaining) => mixed(best(remaining.map(({ score }) => score)), epsilon),
  }),
}

/**
 * Always the best item, and among equals any. What the others would have earned stays unknown.
 *
 *     task: ranking
 *     exploration: { policy: none }
 */
export const noExploration: PolicyKind<Exploration> = {
  summary: 'always the best item: the others stay untried',
  settings: {},
  open: () => ({ next: (remaining) => best(remaining.map(({ score }) => score)) }),
}

/** The items with the highest score share the probability 1. */
export function best(scores: readonly number[]): Float64Array {
  const highest = scores.reduce((most, score) => Math.max(most, score), -Infinity)
  const winners = scores.filter((score) => score === highest).length
  return Float64Array.from(scores, (score) => (score === highest ? 1 / winners : 0))
}

/** (1 − ε) · P + ε / n */
export function mixed(probabilities: Float64Array, epsilon: number): Float64Array {
  const share = epsilon / probabilities.length
  return probabilities.map((probability) => (1 - epsilon) * probability + share)
}
