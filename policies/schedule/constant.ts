/**
 * The configured rates, always.
 *
 *   η_t = η
 *
 * A rate that never decays can always follow: on a changing stream, a rate that goes to zero, as for a fixed data set
 * (Robbins & Monro 1951, "A stochastic approximation method"), stops learning.
 */
import type { PolicyKind, LearningRateSchedule } from '../../src/contracts/policy.ts'

export const constant: PolicyKind<LearningRateSchedule> = {
  summary: 'the configured rates, always',
  settings: {},
  open: () => ({
    begin: () => undefined,
    factor: () => 1,
    snapshot: () => null,
    restore: () => undefined,
  }),
}
