/**
 * Non-inferiority on the held-out reservoir: a candidate is held when the sequential test shows that it answers worse
 * than the live version by more than `points`.
 *
 *   hold  ⇔  H₀: E[error(candidate) − error(live)] ≤ points/100  is rejected at level α, on rows that both have answered
 *
 * At most a share α of the candidates that are no worse are held. With `hold_on: doubt` the burden is turned around:
 * a candidate is held until the test shows that it is not worse by more than `points`. That needs more rows: where both
 * answer equally, about 350 for 2 points at α = 0.02.
 *
 * See `../sequential-test.ts` for the test and its reference.
 *
 *     promotion: { policy: held-out, points: 2 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion, PromotionFacts } from '../../src/contracts/release.ts'
import { alphaSetting, pointsSetting } from '../settings.ts'
import { SequentialTest } from '../sequential-test.ts'

const settings = {
  points: pointsSetting(1, 'percentage points of accuracy that a candidate may be worse by'),
  alpha: alphaSetting(0.02, 'error rate: the largest share of sound candidates that are held'),
  hold_on: {
    type: 'choice',
    options: ['harm', 'doubt'],
    default: 'harm',
    description:
      'harm: hold a candidate that is shown to be worse; doubt: hold it until it is shown to be no worse',
  },
} as const

type HeldOutSettings = SettingsOf<typeof settings>

export const heldOut: PolicyKind<Promotion, HeldOutSettings> = {
  summary:
    'a candidate is held when a sequential test finds it worse on examples that no version has learned',
  settings,
  open: (settings) => ({
    needs: { heldOut: true },
    decide: (facts) => decide(facts, settings),
  }),
}

function decide({ outcomes = [] }: PromotionFacts, { points, alpha, hold_on }: HeldOutSettings) {
  const differences = outcomes.flatMap(({ candidate, live, isFresh }) =>
    isFresh && live !== undefined ? [candidate - live] : [],
  )
  if (differences.length === 0)
    return { verdict: 'promote', reason: 'held-out: no examples on which to compare' } as const
  const harm = new SequentialTest({ alpha, atMost: points / 100 })
  const proof = new SequentialTest({ alpha, atMost: -points / 100 })
  for (const difference of differences) {
    harm.observe(difference)
    proof.observe(-difference)
  }
  const seen = `${shownPoints(-harm.mean)} on ${harm.count} examples`
  if (harm.isRejected && harm.mean > points / 100)
    return { verdict: 'hold', reason: `held-out: ${seen}, p ≤ ${shown(harm.pValue)}` } as const
  if (hold_on === 'doubt' && !proof.isRejected) {
    const reason = `held-out: ${seen}, not yet shown to be no worse (p ≤ ${shown(proof.pValue)})`
    return { verdict: 'hold', reason } as const
  }
  return { verdict: 'promote', reason: `held-out: ${seen}` } as const
}

function shownPoints(difference: number): string {
  const points = 100 * difference
  return `${Math.abs(points).toFixed(1)} points ${points < 0 ? 'worse' : 'better'}`
}

function shown(pValue: number): string {
  return pValue.toPrecision(2)
}
