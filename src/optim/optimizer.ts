/**
 * How gradients become steps, in plain memory: an adapter is small, so one pass over its numbers is cheaper than a
 * dozen kernels of an engine for each tensor, and snapshots need no engine. Nothing is changed in place: the engine may still
 * share the old arrays, and a step that turns out bad leaves them as they were.
 *
 * The rules are kernels that compute in double precision; their bits are those of a loop over the numbers, by test.
 */
import type { Hyperparameters } from '../contracts/adapter.ts'
import { giveBack, lend, lent, sumsOfSquares } from '../nn/js/wasm/lent.ts'

/** Numbers under training, and the optimizer's state for them. */
export interface MovingWeights {
  readonly weights: Float32Array
  readonly slots: readonly Float32Array[]
}

export interface Optimizer {
  /** Its state for each parameter: arrays of the parameter's size that start at zero. */
  readonly slots: readonly string[]
  /**
   * `before`: at most a block of numbers; without slots they are zeros. `gradient` is multiplied by `scale` (clipping);
   * `step` counts from 1. Writes the new weights and slots.
   */
  update(
    before: MovingWeights,
    gradient: Float32Array,
    at: { readonly rate: number; readonly scale: number; readonly step: number },
    into: MovingWeights,
  ): void
}

function ruleOf({ optimizer, momentum }: Hyperparameters): Optimizer {
  if (optimizer === 'adam') return adam
  return momentum === 0 ? plainSgd : sgd(momentum)
}

export const BETA1 = 0.9
export const BETA2 = 0.999
export const EPSILON = 1e-8

/**
 *   m ← β₁·m + (1−β₁)·g          v ← β₂·v + (1−β₂)·g²
 *   θ ← θ − η · (m / (1−β₁ᵗ)) / (√(v / (1−β₂ᵗ)) + ε)
 *
 * Kingma & Ba (2015), "Adam: a method for stochastic optimization", ICLR, with its β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
 */
const adam: Optimizer = {
  slots: ['m', 'v'],
  update({ weights, slots: [m, v] }, gradient, { rate, scale, step }, into) {
    const { length } = weights
    // Divisions take most of the time: one of three is left in the kernel.
    const corrected = rate / (1 - BETA1 ** step)
    const inverse = 1 / (1 - BETA2 ** step)
    const [weightsAt, gradientAt] = [lend(0, weights, length), lend(1, gradient, length)]
    const [mAt, vAt] = [lend(2, m, length), lend(3, v, length)]
    // prettier-ignore
    lent.adam(weightsAt, gradientAt, mAt, vAt, length, scale, corrected, BETA1, 1 - BETA1, BETA2, 1 - BETA2, inverse, EPSILON)
    giveBack(0, into.weights)
    giveBack(2, into.slots[0])
    giveBack(3, into.slots[1])
  },
}

/**
 *   u ← μ·u + g          θ ← θ − η·u
 *
 * Heavy-ball momentum, Polyak (1964), in the form of Sutskever et al. (2013), ICML.
 */
function sgd(momentum: number): Optimizer {
  return {
    slots: ['u'],
    update({ weights, slots: [u] }, gradient, { rate, scale }, into) {
      const { length } = weights
      const [weightsAt, gradientAt] = [lend(0, weights, length), lend(1, gradient, length)]
      lent.momentum(weightsAt, gradientAt, lend(2, u, length), length, scale, rate, momentum)
      giveBack(0, into.weights)
      giveBack(2, into.slots[0])
    },
  }
}

/** θ ← θ − η·g: nothing to remember. */
const plainSgd: Optimizer = {
  slots: [],
  update({ weights }, gradient, { rate, scale }, into) {
    const { length } = weights
    lent.sgd(lend(0, weights, length), lend(1, gradient, length), length, rate * scale)
    giveBack(0, into.weights)
  },
}

/** ‖g‖ over all gradients together; not finite as soon as one number is not. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let sum = 0
  for (const gradient of gradients) sum += sumOfSquares(gradient)
  return Math.sqrt(sum)
}

/** In four sums, which do not wait for each other. */
function sumOfSquares(values: Float32Array): number {
  const whole = values.length - (values.length % 4)
  const [first = 0, b = 0, c = 0, d = 0] = sumsOfSquares(values, whole)
  let a = first
  for (let at = whole; at < values.length; at += 1) a += (values[at] ?? 0) ** 2
  return a + b + (c + d)
}

/**
 *   g ← g · min(1, c / ‖g‖)
 *
 * Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks", ICML.
 */
export function clipScale(norm: number, clipNorm: number): number {
  return norm > clipNorm ? clipNorm / norm : 1
}

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
export const OFFSET = 'average'

function averaging(optimizer: Optimizer, keep: number): Optimizer {
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
      const [offsetAt, beforeAt] = [lend(0, offset, length), lend(1, weights, length)]
      lent.average(offsetAt, beforeAt, lend(2, moved.weights, length), length, kept)
      giveBack(0, next)
    },
  }
}

/** κₜ */
export function keepAt(keep: number, step: number): number {
  return Math.min(keep, step / (step + 9))
}

/** The optimizer that the hyperparameters select: an update rule, with weight decay and averaging around it. */
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
      lent.decay(lend(0, weights, length), lend(1, before.weights, length), length, shrink)
      giveBack(0, weights)
    },
  }
}
