/**
 * Averaged gradient episodic memory: replayed examples do not teach, they only constrain. If the new examples' gradient
 * g would raise the loss of replayed ones, the conflicting part is removed.
 *
 *   g ← g − (g·r / r·r) · r   if g·r < 0,   r the gradient of the replayed examples
 *
 * Needs a replay policy, and costs two backward passes per step. Weaker than plain replay almost everywhere; use it
 * only if kept examples must not be trained on.
 *
 * Chaudhry et al. (2019), "Efficient lifelong learning with A-GEM", ICLR.
 *
 *     regularizer: { policy: a-gem }
 */
import type { Tensors } from '../../src/contracts/core.ts'
import type { Regularizer, PolicyKind } from '../../src/contracts/policy.ts'

export const aGem: PolicyKind<Regularizer> = {
  summary: 'removes the part of the new gradient that would raise the loss of replayed examples',
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
