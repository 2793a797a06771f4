/** The optimizer that the hyperparameters select: an update rule, with weight decay and averaging around it. */
import type { Hyperparameters } from '../contracts/adapter.ts'
import { giveBack, lend, lent } from '../nn/js/wasm/lent.ts'
import { averaging } from './averaging.ts'
import { FEWEST_LENT, type Optimizer, ruleOf } from './optimizer.ts'

export function optimizerOf(hyperparameters: Hyperparameters): Optimizer {
  const { weight_decay = 0, weight_decay_steps = 0, average = 0 } = hyperparameters
  const rule = ruleOf(hyperparameters)
  const shrinking = weight_decay === 0 ? rule : decaying(rule, weight_decay, weight_decay_steps)
  return average === 0 ? shrinking : averaging(shrinking, average)
}

/** η·λₜ: the part of a weight that goes with this step. */
export function shrinkOf(
  { weight_decay = 0, weight_decay_steps = 0 }: Hyperparameters,
  rate: number,
  step: number,
): number {
  return rate * weight_decay * wornBy(weight_decay_steps, step)
}

function wornBy(halfSteps: number, step: number): number {
  return halfSteps === 0 ? 1 : halfSteps / (halfSteps + step - 1)
}

/**
 * Decoupled weight decay: weights shrink apart from the gradient. A shrinking that wears off
 * is a prior: strong while examples are few, and outvoted later.
 *
 *   θ ← θ − η·λₜ·θ + (the optimizer's step),      λₜ = λ · s / (s + t)         s = 0: λₜ = λ
 *
 * Loshchilov & Hutter (2019), "Decoupled weight decay regularization", ICLR.
 */
function decaying(optimizer: Optimizer, decay: number, halfSteps: number): Optimizer {
  return {
    slots: optimizer.slots,
    update(before, gradient, at, into) {
      const shrink = at.rate * decay * wornBy(halfSteps, at.step)
      optimizer.update(before, gradient, at, into)
      const { weights } = into
      const { length } = weights
      if (length >= FEWEST_LENT) {
        lent.decay(lend(0, weights, length), lend(1, before.weights, length), length, shrink)
        giveBack(0, weights)
        return
      }
      for (let i = 0; i < length; i += 1)
        weights[i] = (weights[i] ?? 0) - shrink * (before.weights[i] ?? 0)
    },
  }
}
