/**
 * A window: the newest examples are kept, first in, first out.
 *
 * For streams that drift for good, where what is old is wrong. It protects nothing that has not come lately.
 *
 *   kept = { xₜ : t > seen − capacity }
 *
 * Experience replay as Lin (1992) had it, "Self-improving reactive agents based on reinforcement learning, planning and
 * teaching", Machine Learning 8.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'

export const recent: PolicyKind<Replay, Bounds> = {
  summary: 'keeps the newest examples: first in, first out',
  settings: bounds,
  open: (settings) => openBuffer(settings, { marks: 'age', isBalanced: false }),
}
