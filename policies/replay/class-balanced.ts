/**
 * Equal room for every label: the largest gives way, and within a label every example has the same chance.
 *
 * For imbalanced streams: a rare label keeps all that it has, however many others come.
 *
 *   P(kept | label c) = kept of c / seen of c,    kept of c → min(seen of c, capacity / labels)
 *
 * Chrysakis & Moens (2020), "Online continual learning from imbalanced data", ICML, with marks instead of counts: a
 * label that has given way lets in what is below the smallest mark that went.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer } from './buffer.ts'

export const classBalanced: PolicyKind<Replay, Bounds> = {
  summary: 'equal room for every label; the largest gives way',
  settings: bounds,
  open: (settings) => openBuffer(settings, { marks: 'chance', isBalanced: true }),
}
