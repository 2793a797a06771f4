/**
 * Averaged gradient episodic memory: replayed examples do not teach, they veto. Where the new examples' gradient g would
 * raise their loss, the part that does so is taken out.
 *
 *   g ← g − (g·r / r·r) · r   if g·r < 0,   r the gradient of the replayed examples
 *
 * Needs a replay policy, and costs two backward passes a step. Weaker than plain replay almost everywhere; it is here for
 * those who must not train on what they keep.
 *
 * Chaudhry et al. (2019), "Efficient lifelong learning with A-GEM", ICLR.
 */
import type { Tensors } from '../../src/contracts/core.ts'
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'

export const aGem: PolicyKind<Regularizer> = {
  summary: 'the gradient of new examples loses what would raise the loss of replayed ones',
  settings: {},
  open: () => ({
    penalty: () => undefined,
    project(fresh, replayed) {
      const along = dot(fresh, replayed)
      const length = dot(replayed, replayed)
      if (along >= 0 || length === 0) return fresh
      return new Map(
        [...fresh].map(([name, { shape, data }]) => {
          const against = replayed.get(name)?.data
          const kept = data.slice()
          for (let at = 0; at < kept.length; at += 1)
            kept[at] = (data[at] ?? 0) - (along / length) * (against?.[at] ?? 0)
          return [name, { shape, data: kept }]
        }),
      )
    },
    observe: () => undefined,
    snapshot: () => new Map(),
    restore: () => undefined,
  }),
}

function dot(one: Tensors, other: Tensors): number {
  let sum = 0
  for (const [name, { data }] of one) {
    const factors = other.get(name)?.data
    for (let at = 0; at < data.length; at += 1) sum += (data[at] ?? 0) * (factors?.[at] ?? 0)
  }
  return sum
}
