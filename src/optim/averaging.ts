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
import { giveBack, lend, lent } from '../nn/js/wasm/lent.ts'
import { FEWEST_LENT, type Optimizer } from './optimizer.ts'

export const OFFSET = 'average'

export function averaging(optimizer: Optimizer, keep: number): Optimizer {
  const own = optimizer.slots.length
  return {
    slots: [...optimizer.slots, OFFSET],
    update({ weights, slots }, gradient, at, into) {
      const moved = { weights: into.weights, slots: into.slots.slice(0, own) }
      optimizer.update({ weights, slots: slots.slice(0, own) }, gradient, at, moved)
      const kept = keepAt(keep, at.step)
      const [offset, next] = [slots[own], into.slots[own]]
      if (next === undefined) return
      const { length } = weights
      if (length >= FEWEST_LENT) {
        const [offsetAt, beforeAt] = [lend(0, offset, length), lend(1, weights, length)]
        lent.average(offsetAt, beforeAt, lend(2, moved.weights, length), length, kept)
        giveBack(0, next)
        return
      }
      for (let i = 0; i < length; i += 1)
        next[i] = kept * ((offset?.[i] ?? 0) + (weights[i] ?? 0) - (moved.weights[i] ?? 0))
    },
  }
}

/** κₜ */
export function keepAt(keep: number, step: number): number {
  return Math.min(keep, step / (step + 9))
}
