/**
 * Equal room for every label: evicts from the largest, and within a label every example has the same chance.
 *
 * Chrysakis & Moens (2020), "Online continual learning from imbalanced data", ICML.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'

export const classBalanced: PolicyKind<Replay, Bounds> = {
  summary: 'equal room for every label; evicts from the largest',
  settings: bounds,
  needsClasses: true,
  open: (settings) => openBuffer(settings, { marks: 'chance', isBalanced: true }),
}
