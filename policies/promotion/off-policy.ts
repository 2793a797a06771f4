/**
 * Off-policy evaluation of a ranking: a candidate is held when it is shown that the live version earns more, on rewards that neither has
 * learned.
 *
 *   hold  ⇔  lower bound of V(live) − V(candidate) > points / 100,   V: the mean reward from 0 to 1
 *
 * The bound is that of a confidence sequence on inverse propensity scores, at 97.5 % however often one looks: at most so few sound
 * candidates are ever held. Where the log never explored, nothing is shown.
 *
 * See `src/evaluation/off-policy.ts` for the estimates and their references.
 *
 *     task: ranking
 *     promotion: { policy: off-policy, points: 0 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { OffPolicyReport, Promotion, PromotionFacts } from '../../src/contracts/release.ts'
import { pointsSetting } from '../settings.ts'

const settings = {
  points: pointsSetting(0, 'hundredths of the range of rewards that a candidate may earn less'),
} as const

export const offPolicy: PolicyKind<Promotion, SettingsOf<typeof settings>> = {
  summary:
    'a candidate of a ranking is held when the live version is shown to earn more on held-out rewards',
  settings,
  needsChoices: true,
  open: ({ points }) => ({
    needs: { heldOut: true, offPolicy: true },
    decide: (facts) => decide(facts, points),
  }),
}

function decide({ offPolicy }: PromotionFacts, points: number) {
  if (offPolicy === undefined)
    return {
      verdict: 'promote',
      reason: 'off-policy: no held-out rewards to estimate from',
    } as const
  const { candidate, live, harm, logged } = offPolicy
  const seen = `off-policy: ${shown(candidate)} on ${candidate.choices} choices that earned ${figure(logged)}`
  if (live === undefined || harm === undefined) return { verdict: 'promote', reason: seen } as const
  const beside = `${seen}, the live version ${shown(live)}`
  if (harm <= points / 100) return { verdict: 'promote', reason: beside } as const
  return { verdict: 'hold', reason: `${beside}: at least ${figure(harm)} less` } as const
}

function shown({ ips, snips, dr, uncovered }: OffPolicyReport): string {
  const never = uncovered > 0 ? `, ${(100 * uncovered).toFixed(0)} % never tried` : ''
  const bounds = `${figure(ips.low)} to ${figure(ips.high)}`
  return `earns ${figure(dr.value)} (DR; IPS ${figure(ips.value)}, ${bounds}; SNIPS ${figure(snips)}${never})`
}

function figure(value: number): string {
  return value.toFixed(3)
}
