/**
 * Weights shrink by themselves, apart from the gradient; what the data does not hold up, goes. A shrinking that wears off
 * is a prior: strong while examples are few, and outvoted later.
 *
 *   θ ← θ − η·λₜ·θ + (the optimizer's step),      λₜ = λ · s / (s + t)         s = 0: λₜ = λ
 *
 * Loshchilov & Hutter (2019), "Decoupled weight decay regularization", ICLR.
 */
import type { Optimizer } from './optimizer.ts'

export function decaying(optimizer: Optimizer, decay: number, halfSteps: number): Optimizer {
  return {
    slots: optimizer.slots,
    update(before, gradient, at) {
      const worn = halfSteps === 0 ? 1 : halfSteps / (halfSteps + at.step - 1)
      const shrink = at.rate * decay * worn
      const after = optimizer.update(before, gradient, at)
      const weights = after.weights.map((value, i) => value - shrink * (before.weights[i] ?? 0))
      return { ...after, weights }
    },
  }
}
