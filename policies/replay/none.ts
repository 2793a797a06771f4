/**
 * No replay: nothing is kept, and each step sees new examples only.
 *
 * The honest and cheapest baseline. When topics come one after the other it forgets the earlier ones:
 * "catastrophic interference", McCloskey & Cohen (1989), Psychology of Learning and Motivation 24.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'

export const none: PolicyKind<Replay> = {
  summary: 'keeps nothing: each step sees new examples only',
  settings: {},
  open: () => ({
    size: 0,
    bytes: 0,
    offer: ({ key }) => [key],
    draw: () => [],
    remove: () => undefined,
    keys: () => [],
    snapshot: () => null,
    restore: () => undefined,
  }),
}
