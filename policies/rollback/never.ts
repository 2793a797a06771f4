/**
 * Nothing goes back by itself: a person decides, with one call.
 */
import type { PolicyKind, Rollback } from '../../src/contracts/policy.ts'

export const never: PolicyKind<Rollback> = {
  summary: 'nothing goes back by itself',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'keep', reason: 'only a person rolls back' }),
    snapshot: () => null,
    restore: () => undefined,
  }),
}
