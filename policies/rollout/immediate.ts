/** A released version goes live at once: the default, because a bad one is one rollback away. */
import type { PolicyKind } from '../../src/contracts/policy.ts'
import type { Rollout } from '../../src/contracts/release.ts'

export const immediate: PolicyKind<Rollout> = {
  summary: 'a released version goes live at once',
  settings: {},
  open: () => ({
    begin: () => undefined,
    observe: () => ({ verdict: 'promote', reason: 'rollout: immediate' }),
    snapshot: () => null,
    restore: () => undefined,
  }),
}
