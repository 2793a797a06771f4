/**
 * GDumb: a greedy, balanced buffer, and a learner that knows nothing else. A label that has less than its share takes
 * an example in; the largest label gives one up for it. An update begins with fresh weights and learns the buffer alone.
 *
 *   take x of label c  ⇔  kept of c < capacity / labels
 *   θ ← train(fresh, buffer, passes)
 *
 * A strong and simple baseline: what beats it has learned something from the stream itself. An update costs
 * passes · capacity examples, so let the trigger collect many. With a share filled, the first examples of a label stay.
 *
 * Prabhu, Torr & Dokania (2020), "GDumb: a simple approach that questions our progress in continual learning", ECCV.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer, type Keeping } from './buffer.ts'

const greedy: Keeping = {
  marks: 'chance',
  isBalanced: true,
  admits({ label }, held, { capacity }) {
    const { size } = held.ofLabel(label)
    return size < capacity / (held.labels + (size === 0 ? 1 : 0))
  },
}

type Settings = Bounds & Readonly<Record<'passes', number>>

export const gdumb: PolicyKind<Replay, Settings> = {
  summary: 'a greedy balanced buffer; each update learns it anew from fresh weights',
  settings: {
    ...bounds,
    passes: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'over the whole buffer, at each update',
    },
  },
  open: ({ passes, ...settings }) => openBuffer(settings, greedy, { passes }),
}
