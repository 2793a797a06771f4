/** Never rolls back automatically: a person decides, with one call. */
import type { PolicyKind, Rollback } from '../../src/contracts/policy.ts'

export const never: PolicyKind<Rollback> = {
  summary: 'never rolls back automatically',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'keep', reason: 'only a person rolls back' }),
    snapshot: () => null,
    restore: () => undefined,
  }),
}
