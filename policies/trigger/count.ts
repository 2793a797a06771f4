/**
 * An update whenever `every` examples are pending.
 *
 *   update  ⇔  pending ≥ every
 *
 * The default, because the same stream then gives the same updates on every run, whatever the clock says: the
 * mini-batch of online gradient descent, Dekel et al. (2012), "Optimal distributed online prediction", JMLR 13.
 */
import type { PolicyKind, Trigger } from '../../src/contracts.ts'

export const count: PolicyKind<Trigger, { readonly every: number }> = {
  summary: 'updates whenever a number of examples is pending',
  settings: {
    every: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 16,
      description: 'pending examples that start an update',
    },
  },
  open: ({ every }) => ({
    needsScore: false,
    observe: ({ pending }) => ({
      verdict: pending >= every ? 'update' : 'wait',
      reason: `${pending} of ${every} examples are pending`,
    }),
    snapshot: () => null,
    restore: () => undefined,
  }),
}
