/**
 * Reservoir sampling: every example of the stream so far is kept with equal probability.
 *
 * The default, because it needs no notion of task or class. Under drift it forgets slowly by design; `class-balanced`
 * protects rare labels.
 *
 *   P(kept) = capacity / seen
 *
 * Vitter (1985), "Random sampling with a reservoir", ACM TOMS 11(1), in the form of the smallest random marks.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer, type BufferRule } from './buffer.ts'

export const keepAnyEqually: BufferRule = { marks: 'chance', isBalanced: false }

export const reservoir: PolicyKind<Replay, Bounds> = {
  summary: 'keeps every example of the stream with equal probability',
  settings: bounds,
  open: (settings) => openBuffer(settings, keepAnyEqually),
}
