/**
 * A candidate becomes live when its accuracy on the compared rows is above that of the live version by `points`, in
 * percentage points; with negative points, when it is no more than that below.
 *
 *   promote  ⇔  100·(accuracy(candidate) − accuracy(live)) ≥ points
 *
 * The plain champion–challenger rule: it takes the difference as it is, however few rows it comes from. On few rows
 * `held-out` is the better choice, because it has a stated error rate.
 */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion } from '../../src/contracts/release.ts'

export const margin: PolicyKind<Promotion, { readonly points: number }> = {
  summary: 'a candidate becomes live when it is better than the live version by `points`',
  settings: {
    points: {
      type: 'number',
      minimum: -100,
      maximum: 100,
      default: 0,
      description: 'percentage points of accuracy; negative = it may be worse by that much',
    },
  },
  open: ({ points }) => ({
    decide({ candidate, live, rows }) {
      if (live === undefined || rows === 0 || live.count === 0)
        return { verdict: 'promote', reason: 'margin: no examples on which to compare' }
      const difference = 100 * (candidate.accuracy - live.accuracy)
      // So that 0.7 − 0.6 is 10 points.
      const verdict = difference >= points - 1e-9 ? 'promote' : 'hold'
      const shown = `${Math.abs(difference).toFixed(1)} points ${difference < 0 ? 'worse' : 'better'}`
      return { verdict, reason: `margin: ${shown} on ${rows} examples, ${points} required` }
    },
  }),
}
