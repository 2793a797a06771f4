/**
 * No penalty: the loss is that of the batch alone, and only replay protects what was learned before.
 *
 *   L = L(batch)
 */
import type { Forgetting, PolicyKind } from '../../src/contracts.ts'

export const none: PolicyKind<Forgetting> = {
  summary: 'adds nothing to the loss',
  settings: {},
  open: () => ({
    penalty: () => undefined,
    observe: () => undefined,
    snapshot: () => new Map(),
    restore: () => undefined,
  }),
}
