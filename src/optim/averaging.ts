/**
 * Weight averaging: steps change the fast weights, and their slow average answers. A step on one example is noisy, its
 * average is not, so the learning rate may be high.
 *
 *   ā ← κₜ·ā + (1 − κₜ)·θ,      κₜ = min(κ, t / (t + 9))
 *
 * The slot holds ā − θ: it starts at zero, as the average starts at the weights, and grows with the head like any
 * other.
 *
 * Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging", SIAM J. Control Optim. 30(4); for
 * learning without forgetting: Arani et al. (2022), "Learning fast, learning slow", ICLR.
 */
import type { Optimizer } from './optimizer.ts'

export const OFFSET = 'average'

export function averaging(optimizer: Optimizer, keep: number): Optimizer {
  const own = optimizer.slots.length
  return {
    slots: [...optimizer.slots, OFFSET],
    update({ weights, slots }, gradient, at) {
      const after = optimizer.update({ weights, slots: slots.slice(0, own) }, gradient, at)
      const kept = keepAt(keep, at.step)
      const offset = slots[own]
      const next = new Float32Array(weights.length)
      for (let i = 0; i < next.length; i += 1)
        next[i] = kept * ((offset?.[i] ?? 0) + (weights[i] ?? 0) - (after.weights[i] ?? 0))
      return { weights: after.weights, slots: [...after.slots, next] }
    },
  }
}

/** κₜ */
export function keepAt(keep: number, step: number): number {
  return Math.min(keep, step / (step + 9))
}
