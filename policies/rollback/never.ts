/** Never rolls back automatically: a person decides, with one call. */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Rollback } from '../../src/contracts/release.ts'

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
