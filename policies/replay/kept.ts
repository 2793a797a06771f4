/** Which examples are kept: policies that replay them in the plain way, by their targets. */
import type { PolicyKind, Replay } from '../../src/contracts/policy.ts'
import { integer } from '../settings.ts'
import { bounds, openBuffer, type Bounds, type BufferRule } from './buffer.ts'

export const keepAnyEqually: BufferRule = { marks: 'chance', isBalanced: false }

/**
 * Reservoir sampling: every example of the stream so far is kept with equal probability.
 *
 * The default, because it needs no notion of task or class. Under drift it forgets slowly by design; `class-balanced`
 * protects rare labels.
 *
 *   P(kept) = capacity / seen
 *
 * Vitter (1985), "Random sampling with a reservoir", ACM TOMS 11(1), in the form of the smallest random marks.
 *
 *     replay: { policy: reservoir, capacity: 5000 }
 *     train: { replay_batch: 64 }
 */
export const reservoir: PolicyKind<Replay, Bounds> = {
  summary: 'keeps every example of the stream with equal probability',
  settings: bounds,
  open: (settings) => openBuffer(settings, keepAnyEqually),
}

/**
 * A window: keeps the newest examples, first in, first out.
 *
 * For streams that drift for good, so that old examples are wrong. It protects only what came recently.
 *
 *   kept = { xₜ : t > seen − capacity }
 *
 * Experience replay as in Lin (1992), "Self-improving reactive agents based on reinforcement learning, planning and
 * teaching", Machine Learning 8.
 *
 *     replay: { policy: recent, capacity: 500 }
 */
export const recent: PolicyKind<Replay, Bounds> = {
  summary: 'keeps the newest examples: first in, first out',
  settings: bounds,
  open: (settings) => openBuffer(settings, { marks: 'age', isBalanced: false }),
}

/**
 * Equal room for every label: evicts from the largest, and within a label every example has the same chance. Of a ranking, for what was
 * rewarded and what was not.
 *
 * Chrysakis & Moens (2020), "Online continual learning from imbalanced data", ICML.
 *
 *     replay: { policy: class-balanced, per_source: 0.25 }
 */
export const classBalanced: PolicyKind<Replay, Bounds> = {
  summary: 'equal room for every label; evicts from the largest',
  settings: bounds,
  needsClasses: true,
  takesSeveral: true,
  open: (settings) => openBuffer(settings, { marks: 'chance', isBalanced: true }),
}

const greedy: BufferRule = {
  marks: 'chance',
  isBalanced: true,
  admits(item, held, { capacity }) {
    const size = held.rarest(item)
    return size < capacity / (held.strata + (size === 0 ? 1 : 0))
  },
}

/**
 * GDumb: a greedy, balanced buffer, and a learner trained on nothing else. A label with less than its share accepts an
 * example, and the largest label gives one up for it. An update starts from fresh weights and learns only the buffer.
 *
 * Prabhu, Torr & Dokania (2020), "GDumb: a simple approach that questions our progress in continual learning", ECCV.
 *
 *     replay: { policy: gdumb, capacity: 500, passes: 20 }
 *     trigger: { policy: count, every: 256 }
 */
export const gdumb: PolicyKind<Replay, Bounds & Readonly<Record<'passes', number>>> = {
  summary: 'a greedy balanced buffer; each update trains fresh weights on it',
  settings: {
    ...bounds,
    passes: integer([1, 1000], 10, 'passes over the whole buffer at each update'),
  },
  open: ({ passes, ...settings }) => openBuffer(settings, greedy, { passes }),
}
