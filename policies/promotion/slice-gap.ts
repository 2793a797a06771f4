/**
 * A candidate is held while the model serves one slice of the population clearly worse than another: while the lower
 * bound of the widest gap between two slices is above `max_points`.
 *
 *   hold  ⇔  low(max over slices of accuracy − min over slices of accuracy) > max_points
 *
 * The accuracies are prequential: of recent examples, each before it was learned. So learning goes on while candidates
 * are held, and they are released again when the gap has closed. A slice with few examples has a wide interval and
 * holds nothing; `evaluation.slices.examples` says when it counts at all.
 */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion, PromotionFacts } from '../../src/contracts/release.ts'

export const sliceGap: PolicyKind<Promotion, { readonly max_points: number }> = {
  summary: 'a candidate is held while one slice is served clearly worse than another',
  settings: {
    max_points: {
      type: 'number',
      minimum: 0,
      maximum: 100,
      default: 10,
      description: 'percentage points of accuracy that slices may be apart',
    },
  },
  open: ({ max_points }) => ({
    looksAtScores: false,
    decide: (facts) => decide(facts, max_points),
  }),
}

function decide({ sliceGap: gap }: PromotionFacts, most: number) {
  if (gap === undefined)
    return { verdict: 'promote', reason: 'slice-gap: fewer than two slices to compare' } as const
  const { best, worst, points, low, high } = gap
  const [middle, from, to] = [points, low, high].map((each) => each.toFixed(1))
  const reason = `slice-gap: “${worst}” is ${middle} points (${from} to ${to}) below “${best}”, ${most} are allowed`
  return { verdict: low > most ? 'hold' : 'promote', reason } as const
}
