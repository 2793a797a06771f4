/**
 * Nearest neighbours: kept examples answer along with the head, the more the nearer they are, so that one correction
 * changes the answer to its input and its like at once.
 *
 *   a_i ∝ exp(s·cos(x, x_i)), a_head ∝ exp(s·t)      p = Σ_i a_i·(w·[y_i] + (1 − w)·p_head) + a_head·p_head
 *
 * The head counts as a neighbour at the cosine t, so that an input which is like nothing kept is answered by the head
 * alone, however little is kept. What stays is the newest, and of one place the newest word: a second correction of
 * the same input takes the place of the first. With `keep: mistakes` only what was answered wrong comes in, which
 * corrections do not push out so soon, and which repeats every wrong label.
 *
 * Khandelwal et al. (2020), "Generalization through memorization: nearest neighbor language models", ICLR, with a share
 * of the head that does not depend on the input; keeping mistakes is IB2 of Aha, Kibler & Albert (1991), "Instance-based
 * learning algorithms", Machine Learning 6.
 */
import type { Memory, MemoryItem, PolicyKind } from '../../src/contracts/policy.ts'

type Settings = Readonly<
  Record<'weight' | 'threshold' | 'sharpness' | 'capacity' | 'bytes' | 'every', number>
> & { readonly keep: string }

export const knn: PolicyKind<Memory, Settings> = {
  summary: 'the nearest kept examples answer along with the head, at once',
  settings: {
    weight: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.9,
      description: 'share of an example that is heard alone; the head has the rest',
    },
    threshold: {
      type: 'number',
      minimum: -1,
      maximum: 1,
      default: 0.75,
      description: 'cosine at which an example is heard as loudly as the head',
    },
    sharpness: {
      type: 'number',
      minimum: 1,
      maximum: 1000,
      default: 40,
      description: 'how fast an example is heard less as the cosine falls',
    },
    capacity: {
      type: 'integer',
      minimum: 1,
      maximum: 16_384,
      default: 256,
      description: 'examples kept; each takes an embedding in every version',
    },
    bytes: {
      type: 'integer',
      minimum: 1024,
      maximum: 268_435_456,
      default: 16_777_216,
      description: 'what their embeddings may take together',
    },
    keep: {
      type: 'choice',
      options: ['all', 'mistakes'],
      default: 'all',
      description: 'which examples come in: every labelled one, or those that were answered wrong',
    },
    every: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 1,
      description: 'wrong answers after which a version is made before the next update',
    },
  },
  open: ({ weight, threshold, sharpness, capacity, bytes, keep, every }) => ({
    voice: { weight, threshold, sharpness },
    every,
    offer(item, kept, { wasRight }) {
      if (keep === 'mistakes' && wasRight) return [item.key]
      if (bytesOf(item) > bytes) return [item.key]
      const gone = kept.filter((other) => isSamePlace(item, other))
      const stay = kept.filter((other) => !gone.includes(other))
      let total = stay.reduce((sum, other) => sum + bytesOf(other), bytesOf(item))
      let count = stay.length + 1
      for (const oldest of stay) {
        if (count <= capacity && total <= bytes) break
        gone.push(oldest)
        total -= bytesOf(oldest)
        count -= 1
      }
      return gone.map(({ key }) => key)
    },
  }),
}

/** Nearer than rounding can tell. */
const SAME = 0.99999

function isSamePlace({ vector }: MemoryItem, other: MemoryItem): boolean {
  let cosine = 0
  for (const [at, value] of vector.entries()) cosine += value * (other.vector[at] ?? 0)
  return cosine > SAME
}

function bytesOf({ vector }: MemoryItem): number {
  return vector.byteLength
}
