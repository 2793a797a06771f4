/** Promotion by one number and its bound, without a test, and by a person. `always` is in ../none.ts. */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion } from '../../src/contracts/release.ts'
import { number } from '../settings.ts'

/**
 * Every candidate is held: a person promotes one (`antikythera promote v12 --reason …`).
 *
 * Learning goes on from the held weights, and each candidate is published, so that any of them can be compared and
 * promoted. Together with other policies it shows their verdicts to that person.
 *
 *     promotion: [{ policy: held-out }, { policy: manual }]
 */
export const manual: PolicyKind<Promotion> = {
  summary: 'every candidate is held until a person promotes one',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'hold', reason: 'held until a person promotes it' }),
  }),
}

/**
 * A candidate becomes live when its accuracy on the compared rows is above that of the live version by `points`, in
 * percentage points; with negative points, when it is no more than that below.
 *
 *   promote  ⇔  100·(accuracy(candidate) − accuracy(live)) ≥ points
 *
 * The plain champion–challenger rule: it takes the difference as it is, however few rows it comes from. On few rows
 * `held-out` is the better choice, because it has a stated error rate.
 *
 *     promotion: { policy: margin, points: -1 }
 *     evaluation: { held_out: { share: 0.1 } }
 */
export const margin: PolicyKind<Promotion, { readonly points: number }> = {
  summary: 'a candidate becomes live when it is better than the live version by `points`',
  settings: {
    points: number(
      [-100, 100],
      0,
      'percentage points of accuracy; negative = it may be worse by that much',
    ),
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

/**
 * A candidate is held when its texts have moved further from those of the base than `most`.
 *
 *   hold  ⇔  KL(candidate ‖ base) > most      of the next token, the mean over the tokens of right answers, in nats
 *
 * A model that learns from preferences can raise its reward by leaving what it knew; this distance shows it (Gao, Schulman & Hilton 2023,
 * "Scaling laws for reward model overoptimization", ICML). Learning goes on while candidates are held: a smaller learning rate, or `kl`
 * in the settings of the task, brings the next ones nearer.
 *
 *     promotion: { policy: kl, most: 0.2 }
 */
export const kl: PolicyKind<Promotion, { readonly most: number }> = {
  summary: 'a candidate is held when its texts are too far from those of the base',
  settings: {
    most: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 100,
      default: 0.5,
      description: 'largest distance from the base that is allowed, in nats per token',
    },
  },
  open: ({ most }) => ({
    looksAtScores: false,
    needs: { kl: true },
    decide({ kl }) {
      if (kl === undefined) return { verdict: 'promote', reason: 'kl: nothing to measure it on' }
      const reason = `kl: ${kl.per_token.toFixed(4)} nats a token from the base on ${kl.rows} rows, ${most} are allowed`
      return { verdict: kl.per_token > most ? 'hold' : 'promote', reason }
    },
  }),
}

/**
 * A candidate is held while the model serves one slice of the population clearly worse than another: while the lower
 * bound of the widest gap between two slices is above `max_points`.
 *
 *   hold  ⇔  low(max over slices of accuracy − min over slices of accuracy) > max_points
 *
 * The accuracies are prequential: of recent examples, each before it was learned. So learning goes on while candidates
 * are held, and they are released again when the gap has closed. A slice with few examples has a wide interval and
 * holds nothing; `evaluation.slices.examples` says when it counts at all.
 *
 *     promotion: { policy: slice-gap, max_points: 5 }
 *     evaluation: { slices: { examples: 200 } }
 */
export const sliceGap: PolicyKind<Promotion, { readonly max_points: number }> = {
  summary: 'a candidate is held while one slice is served clearly worse than another',
  settings: {
    max_points: number(
      [0, 100],
      10,
      'largest difference in accuracy between slices that is allowed, in percentage points',
    ),
  },
  open: ({ max_points: most }) => ({
    looksAtScores: false,
    decide({ sliceGap: gap }) {
      if (gap === undefined)
        return { verdict: 'promote', reason: 'slice-gap: fewer than two slices to compare' }
      const { best, worst, points, low, high } = gap
      const [middle, from, to] = [points, low, high].map((each) => each.toFixed(1))
      const reason = `slice-gap: “${worst}” is ${middle} points (${from} to ${to}) below “${best}”, ${most} are allowed`
      return { verdict: low > most ? 'hold' : 'promote', reason }
    },
  }),
}
