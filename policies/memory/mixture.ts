/**
 * A mixture of experts: the adapter, the nearest stored examples, a closed form, a fast linear head, the nearest of the recent
 * and of the latest examples, and for tables of up to 32 numbers a forest answer together, each with the weight of how probable it found the right answers lately. Slow experts
 * keep what lasts, fast ones follow a change, the forest knows a region again that was not shown for long, and the weights move to
 * whichever is right.
 *
 *   w ← w·p(y) / Σ w·p(y)      w ← (1 − α)·w + α/n      p = Σ wᵢ·pᵢ
 *
 * With the share α no weight falls so low that its expert could not return. Over any stretch of T answers the summed log
 * loss is above that of the best expert by at most about log n + α·T, so the mixture can be little worse than the best
 * part, and where parts are right about different inputs it is better than each.
 *
 * Herbster & Warmuth (1998), "Tracking the best expert", Machine Learning 32 (fixed share); slow and fast learners
 * beside each other as in Arani, Sarfraz & Zonooz (2022), "Learning fast, learning slow: CLS-ER", ICLR, and with a kNN
 * memory as in Losing, Hammer & Wersing (2016), "KNN classifier with self adjusting memory", ICDM.
 *
 *     memory: { policy: mixture, window: 5000 }
 */
import type { SettingsOf } from '../../src/contracts/core.ts'
import type { Memory, MemoryItem, PolicyKind } from '../../src/contracts/policy.ts'
import { integer, number } from '../settings.ts'

const settings = {
  share: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 0.5,
    default: 0.01,
    description: 'share of the weight that is spread evenly over the experts after each answer',
  },
  sharpness: number(
    [0.01, 100],
    2,
    'how fast the vote of an example falls with its squared distance; 1 is the usual squared distance of the nearest example',
  ),
  capacity: integer([1, 16_384], 1000, 'examples stored, the newest; each is in every version'),
  bytes: integer([1024, 268_435_456], 16_777_216, 'total size of their embeddings'),
  window: integer(
    [0, 1_000_000],
    0,
    'number of later examples after which the closed form has forgotten one; 0 = never',
  ),
  rate: number(
    [0, 1],
    0.3,
    'step of the fast head, as a fraction of the step that would fit an example exactly',
  ),
  widest: integer(
    [0, 4096],
    768,
    'widest embedding that has a closed form, because its cost grows with the cube of the width',
  ),
  every: integer(
    [0, 1_000_000],
    0,
    'wrong answers after which a version is published before the next update; 0 = never',
  ),
} as const

type Settings = SettingsOf<typeof settings>

export const mixture: PolicyKind<Memory, Settings> = {
  summary:
    'adapter, nearest of all, recent and latest examples, a closed form, a fast head and a forest, weighted by how well each answered lately',
  settings,
  needsClasses: true,
  open: ({ share, sharpness, capacity, bytes, window, rate, widest, every }) => ({
    voice: { weight: 1, threshold: -1, sharpness },
    every,
    mixture: {
      ...{ window, rate, widest },
      reweigh: (weights, likelihoods) => fixedShare(weights, likelihoods, share),
    },
    offer(item, kept) {
      const size = bytesOf(item)
      if (size > bytes) return [item.key]
      // All are of one size, so the oldest go first, one at a time.
      const most = Math.min(capacity, Math.floor(bytes / Math.max(1, size)))
      return kept.slice(0, Math.max(0, kept.length + 1 - most)).map(({ key }) => key)
    },
  }),
}

function fixedShare(
  weights: readonly number[],
  likelihoods: readonly number[],
  share: number,
): readonly number[] {
  const joint = weights.map((weight, at) => weight * (likelihoods[at] ?? 0))
  const sum = joint.reduce((total, each) => total + each, 0)
  if (!(sum > 0)) return weights
  return joint.map((each) => (1 - share) * (each / sum) + share / weights.length)
}

function bytesOf({ vector }: MemoryItem): number {
  return vector.byteLength
}
