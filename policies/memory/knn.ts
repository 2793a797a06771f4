/**
 * Nearest neighbours: stored examples vote along with the head, with more weight the nearer they are, so that one
 * correction immediately changes the answer to its input and to similar ones.
 *
 *   a_i ∝ exp(s·cos(x, x_i)), a_head ∝ exp(s·t)      p = Σ_i a_i·(w·[y_i] + (1 − w)·p_head) + a_head·p_head
 *
 * The head counts as a neighbour at the cosine t, so the head alone answers an input that resembles nothing stored,
 * however little is stored. The memory keeps the newest examples, and only the newest at one place: a second correction
 * of the same input replaces the first. `keep: mistakes` stores only examples that were answered wrong; corrections
 * then stay longer, but every wrong label is repeated too. Inputs are compared by the base's own embedding. Under an adapter
 * that is a second pass of the layers above the cut for each answer. `compare: cut` takes the mean of what the layers below it
 * give, which the pass has anyway: cosines are higher there, so the threshold must be, and copies with changed
 * words are as near, texts of one meaning in other words less so.
 *
 * Khandelwal et al. (2020), "Generalization through memorization: nearest neighbor language models", ICLR, with a share
 * of the head that does not depend on the input; keeping mistakes is IB2 of Aha, Kibler & Albert (1991),
 * "Instance-based learning algorithms", Machine Learning 6.
 *
 *     memory: { policy: knn, capacity: 512, keep: mistakes }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Memory, MemoryItem, PolicyKind } from '../../src/contracts/policy.ts'
import { number } from '../settings.ts'
import { leaving, roomSettings } from './newest.ts'

const settings = {
  weight: number([0, 1], 0.9, 'weight of a single example; the head has the rest'),
  threshold: number(
    [-1, 1],
    0.75,
    'cosine similarity at which an example has the same weight as the head',
  ),
  sharpness: number([1, 1000], 40, 'how fast the weight of an example falls with the cosine'),
  ...roomSettings(
    {
      what: 'examples stored; each takes an embedding in every version',
      of: 'their embeddings',
      due: 'wrong answers',
    },
    { capacity: 256, bytes: [16_777_216, 268_435_456] },
  ),
  keep: {
    type: 'choice',
    options: ['all', 'mistakes'],
    default: 'all',
    description: 'which labelled examples are stored: all, or only those that were answered wrong',
  },
  compare: {
    type: 'choice',
    options: ['embedding', 'cut'],
    default: 'embedding',
    description:
      'what inputs are compared by: the embedding of the base, or the mean of the layers below those that an adapter changes, which saves a pass',
  },
} as const

type Settings = SettingsOf<typeof settings>

export const knn: PolicyKind<Memory, Settings> = {
  summary: 'the nearest stored examples vote along with the head, at once',
  settings,
  needsClasses: true,
  needsFixedEmbedding: true,
  open: ({ weight, threshold, sharpness, keep, compare, every, ...room }) => ({
    voice: { weight, threshold, sharpness },
    every,
    ...(compare === 'cut' && { comparesAtCut: true }),
    offer(item, kept, { wasRight }) {
      if (keep === 'mistakes' && wasRight) return [item.key]
      const isReplaced = (other: MemoryItem) => isSamePlace(item, other)
      return leaving(item, kept, room, { size: bytesOf, isReplaced })
    },
  }),
}

/** Closer than rounding can distinguish. */
const SAME = 0.99999

/** For each kept item at each event, so without an iterator, which takes several times as long. */
function isSamePlace({ vector }: MemoryItem, other: MemoryItem): boolean {
  let cosine = 0
  for (let at = 0; at < vector.length; at += 1)
    cosine += (vector[at] ?? 0) * (other.vector[at] ?? 0)
  return cosine > SAME
}

function bytesOf({ vector }: MemoryItem): number {
  return vector.byteLength
}
