/**
 * GDumb: a greedy, balanced buffer, and a learner trained on nothing else. A label with less than its share accepts an
 * example, and the largest label gives one up for it. An update starts from fresh weights and learns only the buffer.
 *
 * Prabhu, Torr & Dokania (2020), "GDumb: a simple approach that questions our progress in continual learning", ECCV.
 */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { bounds, type Bounds } from './bounds.ts'
import { openBuffer, type BufferRule } from './buffer.ts'

const greedy: BufferRule = {
  marks: 'chance',
  isBalanced: true,
  admits({ stratum }, held, { capacity }) {
    const { size } = held.ofStratum(stratum)
    return size < capacity / (held.strata + (size === 0 ? 1 : 0))
  },
}

type Settings = Bounds & Readonly<Record<'passes', number>>

export const gdumb: PolicyKind<Replay, Settings> = {
  summary: 'a greedy balanced buffer; each update trains fresh weights on it',
  settings: {
    ...bounds,
    passes: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 10,
      description: 'passes over the whole buffer at each update',
    },
  },
  open: ({ passes, ...settings }) => openBuffer(settings, greedy, { passes }),
}
