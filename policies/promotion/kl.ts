/**
 * A candidate is held when its texts have moved further from those of the base than `most`.
 *
 *   hold  ⇔  KL(candidate ‖ base) > most      of the next token, the mean over the tokens of right answers, in nats
 *
 * A model that learns from preferences can raise its reward by leaving what it knew; this distance shows it (Gao, Schulman & Hilton 2023,
 * "Scaling laws for reward model overoptimization", ICML). Learning goes on while candidates are held: a smaller learning rate, or `kl`
 * in the settings of the task, brings the next ones nearer.
 */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion } from '../../src/contracts/release.ts'

export const kl: PolicyKind<Promotion, { readonly most: number }> = {
  summary: 'a candidate is held when its texts are too far from those of the base',
  settings: {
    most: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 100,
      default: 0.5,
      description: 'nats a token that a version may be from the base',
    },
  },
  open: ({ most }) => ({
    looksAtScores: false,
    decide({ kl }) {
      if (kl === undefined) return { verdict: 'promote', reason: 'kl: nothing to measure it on' }
      const reason = `kl: ${kl.per_token.toFixed(4)} nats a token from the base on ${kl.rows} rows, ${most} are allowed`
      return { verdict: kl.per_token > most ? 'hold' : 'promote', reason }
    },
  }),
}
