/** No penalty: the loss is that of the batch alone, and only replay protects earlier knowledge. */
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'

export const none: PolicyKind<Regularizer> = {
  summary: 'adds nothing to the loss',
  settings: {},
  open: () => ({
    addsNothing: true,
    penalty: () => undefined,
    observe: () => undefined,
    snapshot: () => new Map(),
    restore: () => undefined,
  }),
}
