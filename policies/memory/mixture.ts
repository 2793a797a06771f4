/**
 * A mixture of experts: the adapter, the nearest stored examples, a closed form and a fast linear head answer together,
 * each with the weight of how probable it found the right answers lately. Slow experts keep what lasts, fast ones follow
 * a change, and the weights move to whichever is right.
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
 */
import type { Memory, MemoryItem, PolicyKind } from '../../src/contracts/policy.ts'

type Settings = Readonly<
  Record<
    'share' | 'sharpness' | 'capacity' | 'bytes' | 'window' | 'rate' | 'widest' | 'every',
    number
  >
>

export const mixture: PolicyKind<Memory, Settings> = {
  summary:
    'adapter, nearest examples, a closed form and a fast head, weighed by what they got right lately',
  settings: {
    share: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 0.5,
      default: 0.01,
      description: 'part of all weight that is spread evenly after each answer',
    },
    sharpness: {
      type: 'number',
      minimum: 0.01,
      maximum: 100,
      default: 2,
      description:
        'how fast the vote of an example falls with its squared distance, in units of the usual one to the nearest',
    },
    capacity: {
      type: 'integer',
      minimum: 1,
      maximum: 16_384,
      default: 1000,
      description: 'examples stored, the newest; each is in every version',
    },
    bytes: {
      type: 'integer',
      minimum: 1024,
      maximum: 268_435_456,
      default: 16_777_216,
      description: 'total size of what they are compared by',
    },
    window: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description: 'examples after which the closed form has forgotten one; 0 = never',
    },
    rate: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.3,
      description: 'step of the fast head, as a part of what would fit an example exactly',
    },
    widest: {
      type: 'integer',
      minimum: 0,
      maximum: 4096,
      default: 768,
      description:
        'numbers in an embedding above which there is no closed form: it costs their cube',
    },
    every: {
      type: 'integer',
      minimum: 0,
      maximum: 1_000_000,
      default: 0,
      description:
        'wrong answers after which a version is published before the next update; 0 = never',
    },
  },
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
