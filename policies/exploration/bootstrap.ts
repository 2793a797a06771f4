/**
 * The best item of a member that is drawn: an approximation of Thompson sampling. Each member of the ensemble learns every example
 * twice or not at all, by a hash, so that members differ where examples are few and agree where they are many.
 *
 *   P(i) = ε / n + (1 − ε) · (members that like i most) / members
 *
 * Probabilities are counted votes, so they are exact. With ε = 0 an item without a vote has none, and its reward under another policy
 * cannot be estimated. Eckles & Kaptein (2014), "Thompson sampling with the online bootstrap"; Osband et al. (2016), "Deep exploration
 * via bootstrapped DQN", NeurIPS.
 *
 *     task: ranking
 *     exploration: { policy: bootstrap, members: 10 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Exploration } from '../../src/contracts/choice.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import { integer, number } from '../settings.ts'
import { best, mixed } from './epsilon-greedy.ts'

const settings = {
  members: integer([2, 32], 10, 'heads of the ensemble, which learn beside the score'),
  epsilon: number([0, 1], 0.01, 'share of places that any item may take'),
} as const

export const bootstrap: PolicyKind<Exploration, SettingsOf<typeof settings>> = {
  summary: 'the best item of a member of an ensemble: Thompson sampling by the bootstrap',
  settings,
  open: ({ members, epsilon }) => ({
    members,
    next(remaining) {
      const votes = new Float64Array(remaining.length)
      for (let member = 0; member < members; member += 1) {
        const scores = remaining.map((item) => item.members[member] ?? item.score)
        for (const [at, share] of best(scores).entries())
          votes[at] = (votes[at] ?? 0) + share / members
      }
      return mixed(votes, epsilon)
    },
  }),
}
