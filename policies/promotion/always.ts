/**
 * Every finished candidate becomes live.
 *
 * The default: on a stream the newest weights are the best guess, and a bad one is one rollback away.
 */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Promotion } from '../../src/contracts/release.ts'

export const always: PolicyKind<Promotion> = {
  summary: 'every finished candidate becomes live',
  settings: {},
  open: () => ({
    looksAtScores: false,
    decide: () => ({ verdict: 'promote', reason: 'every version goes live', isUsual: true }),
  }),
}
