/**
 * A window: keeps the newest examples, first in, first out.
 *
 * For streams that drift for good, so that old examples are wrong. It protects only what came recently.
 *
 *   kept = { xₜ : t > seen − capacity }
 *
 * Experience replay as in Lin (1992), "Self-improving reactive agents based on reinforcement learning, planning and
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
