/** The optimizer's step as one call of a kernel, and a bound on its numbers that says when it may be made in place. */
import type { Hyperparameters } from '../../contracts/adapter.ts'
import { kernels } from '../../nn/js/wasm/memory.ts'
import type { RuleName } from '../../nn/js/wasm/updates.ts'
import { BETA1, BETA2, EPSILON, type Optimizer, keepAt, OFFSET } from '../optimizer.ts'
import type { Weights } from '../weights.ts'

const { adam, adamAveraged, sgd, sgdAveraged } = kernels
const { momentum: withMomentum, momentumAveraged: withMomentumAveraged } = kernels

/** Addresses of the weights, their gradient and the optimizer's slots, and how many numbers there are in whole vectors. */
export interface KernelPlace {
  readonly at: number
  readonly gradientAt: number
  readonly first: number
  readonly second: number
  readonly third: number
  readonly padded: number
}

interface StepNumbers {
  readonly rate: number
  readonly shrink: number
  /** Counts from 1. */
  readonly step: number
  /** The length of the gradient. */
  readonly gradient: number
}

/** The largest safe number and root of a square, far below the largest float32, 3.4e38. */
const MOST = 1e30
const MOST_GRADIENT = 1e15

export class KernelRule {
  readonly #hyperparameters: Hyperparameters
  readonly #name: RuleName
  /** No number of the weights, of their distance to the average, and of the moments is larger. */
  #weights = 0
  #distance = 0
  #moment = 0
  #scale = 1
  #correction = 1
  #inverse = 1
  /** Negative: there is no average. */
  #keep = -1

  constructor(hyperparameters: Hyperparameters) {
    const { optimizer, momentum } = hyperparameters
    this.#hyperparameters = hyperparameters
    this.#name = optimizer === 'adam' ? 'adam' : momentum === 0 ? 'sgd' : 'momentum'
  }

  measure({ parameters, slots }: Weights, optimizer: Optimizer): void {
    const own = optimizer.slots.indexOf(OFFSET)
    this.#weights = 0
    this.#distance = 0
    this.#moment = 0
    for (const { data } of parameters.values())
      this.#weights = Math.max(this.#weights, largestOf(data))
    for (const arrays of slots.values())
      for (const [at, array] of arrays.entries()) {
        const largest = largestOf(array)
        if (at === own) this.#distance = Math.max(this.#distance, largest)
        else this.#moment = Math.max(this.#moment, largest)
      }
  }

  /** Whether every number is certain to stay finite; if so, the bounds are those after the step. */
  isSafe({ rate, shrink, step, gradient }: StepNumbers): boolean {
    const { momentum } = this.#hyperparameters
    const isAdam = this.#name === 'adam'
    const kept = isAdam ? BETA1 : momentum
    const moment = kept * this.#moment + gradient
    // m / (√v + ε) with v as small as it can be.
    const move = isAdam ? (rate / (1 - BETA1 ** step)) * (moment / EPSILON) : rate * moment
    const weights = this.#weights * Math.abs(1 - shrink) + move
    const distance = this.#distance + move + shrink * this.#weights
    if (!(gradient < MOST_GRADIENT && Math.max(moment, weights, distance) < MOST)) return false
    this.#moment = moment
    this.#weights = weights
    this.#distance = distance
    return true
  }

  /** Sets the values that all weights of a step share. */
  begin(step: number, scale: number): void {
    const { average = 0 } = this.#hyperparameters
    const isAdam = this.#name === 'adam'
    this.#scale = scale
    this.#correction = isAdam ? 1 - BETA1 ** step : 1
    this.#inverse = isAdam ? 1 / (1 - BETA2 ** step) : 1
    this.#keep = average === 0 ? -1 : keepAt(average, step)
  }

  /**
   * Moves the weights of one place. With its words one by one, and without an object made for them: for a small network the call
   * would cost more than the kernel.
   */
  step(place: KernelPlace, rate: number, shrink: number): void {
    const { at, gradientAt, first, second, third, padded } = place
    const [scale, keep] = [this.#scale, this.#keep]
    if (this.#name === 'adam') {
      const corrected = rate / this.#correction
      const inverse = this.#inverse
      // prettier-ignore
      if (keep < 0) adam(at, gradientAt, first, second, padded, scale, shrink, corrected, BETA1, REST1, BETA2, REST2, inverse, EPSILON)
      // prettier-ignore
      else adamAveraged(at, gradientAt, first, second, third, padded, scale, shrink, corrected, BETA1, REST1, BETA2, REST2, inverse, EPSILON, keep)
    } else if (this.#name === 'sgd') {
      if (keep < 0) sgd(at, gradientAt, padded, scale, shrink, rate)
      else sgdAveraged(at, gradientAt, first, padded, scale, shrink, rate, keep)
    } else {
      const { momentum } = this.#hyperparameters
      if (keep < 0) withMomentum(at, gradientAt, first, padded, scale, shrink, rate, momentum)
      // prettier-ignore
      else withMomentumAveraged(at, gradientAt, first, second, padded, scale, shrink, rate, momentum, keep)
    }
  }
}

const REST1 = 1 - BETA1
const REST2 = 1 - BETA2

function largestOf(data: Float32Array): number {
  let largest = 0
  for (const value of data) largest = Math.max(largest, Math.abs(value))
  return largest
}
