/**
 * Every candidate is held: a person promotes one (`antikythera promote v12 --reason …`).
 *
 * Learning goes on from the held weights, and each candidate is published, so that any of them can be compared and
 * promoted. Together with other policies it shows their verdicts to that person.
 */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion } from '../../src/contracts/release.ts'

export const manual: PolicyKind<Promotion> = {
  summary: 'every candidate is held until a person promotes one',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'hold', reason: 'held until a person promotes it' }),
  }),
}
