/** Keeps nothing: the head alone answers, and new examples count once a step has learned them. */
import type { Memory, PolicyKind } from '../../src/contracts/policy.ts'

export const none: PolicyKind<Memory> = {
  summary: 'keeps nothing: the head alone answers',
  settings: {},
  open: () => ({
    keepsNothing: true,
    voice: { weight: 0, threshold: 1, sharpness: 1 },
    every: 1,
    offer: ({ key }) => [key],
  }),
}
