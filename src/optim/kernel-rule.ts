/** The optimizer's step as one call of a kernel, and a bound on its numbers that says when it may be made in place. */
import type { Hyperparameters } from '../contracts/adapter.ts'
import { kernels } from '../nn/js/wasm/memory.ts'
import type { RuleName } from '../nn/js/wasm/updates.ts'
import { keepAt, OFFSET } from './averaging.ts'
import { BETA1, BETA2, EPSILON, type Optimizer } from './optimizer.ts'
import type { Weights } from './weights.ts'

export interface StepNumbers {
  readonly rate: number
  readonly scale: number
  readonly shrink: number
  /** Counts from 1. */
  readonly step: number
}

interface Place {
  readonly held: { readonly at: number; readonly gradientAt: number }
  readonly slots: readonly number[]
  readonly padded: number
}

/** Of a number and of the root of a square, far from the largest of single precision, 3.4e38. */
const MOST = 1e30
const MOST_GRADIENT = 1e15

export class KernelRule {
  readonly #hyperparameters: Hyperparameters
  readonly #name: RuleName
  /** No number of the weights and of their average, and none of the first moment, is larger. */
  #weights = 0
  #moment = 0

  constructor(hyperparameters: Hyperparameters) {
    const { optimizer, momentum } = hyperparameters
    this.#hyperparameters = hyperparameters
    this.#name = optimizer === 'adam' ? 'adam' : momentum === 0 ? 'sgd' : 'momentum'
  }

  measure({ parameters, slots }: Weights, optimizer: Optimizer): void {
    const own = optimizer.slots.indexOf(OFFSET)
    this.#weights = 0
    this.#moment = 0
    for (const { data } of parameters.values())
      this.#weights = Math.max(this.#weights, largestOf(data))
    for (const arrays of slots.values())
      for (const [at, array] of arrays.entries()) {
        const largest = largestOf(array)
        if (at === own) this.#weights = Math.max(this.#weights, largest)
        else this.#moment = Math.max(this.#moment, largest)
      }
  }

  /** Whether every number is certain to stay finite; if so, the bounds are those after the step. `gradient`: its length. */
  isSafe({
    rate,
    shrink,
    step,
    gradient,
  }: Omit<StepNumbers, 'scale'> & { readonly gradient: number }): boolean {
    const { momentum } = this.#hyperparameters
    const isAdam = this.#name === 'adam'
    const kept = isAdam ? BETA1 : momentum
    const moment = kept * this.#moment + gradient
    // m / (√v + ε) with v as small as it can be.
    const move = isAdam ? (rate / (1 - BETA1 ** step)) * (moment / EPSILON) : rate * moment
    const weights = 2 * this.#weights * (1 + shrink) + move
    if (!(gradient < MOST_GRADIENT && moment < MOST_GRADIENT ** 2 && weights < MOST)) return false
    this.#moment = moment
    this.#weights = this.#weights * (1 + shrink) + move
    return true
  }

  step(place: Place, { rate, scale, shrink, step }: StepNumbers): void {
    const { average = 0 } = this.#hyperparameters
    calls[this.#name](place, {
      ...{ scale, shrink, step },
      rate: this.#name === 'adam' ? rate / (1 - BETA1 ** step) : rate,
      momentum: this.#hyperparameters.momentum,
      keep: average === 0 ? undefined : keepAt(average, step),
    })
  }
}

interface Numbers extends StepNumbers {
  readonly momentum: number
  /** Undefined: there is no average. */
  readonly keep: number | undefined
}

/** Each with its words one by one: the engine calls a kernel ten times as fast as with a list of them. */
const calls: Record<RuleName, (place: Place, numbers: Numbers) => void> = {
  sgd({ held: { at, gradientAt }, slots: [a = 0], padded }, { scale, shrink, rate, keep }) {
    if (keep === undefined) kernels.sgd(at, gradientAt, padded, scale, shrink, rate)
    else kernels.sgdAveraged(at, gradientAt, a, padded, scale, shrink, rate, keep)
  },
  momentum({ held: { at, gradientAt }, slots: [u = 0, a = 0], padded }, numbers) {
    const { scale, shrink, rate, momentum, keep } = numbers
    if (keep === undefined)
      kernels.momentum(at, gradientAt, u, padded, scale, shrink, rate, momentum)
    else kernels.momentumAveraged(at, gradientAt, u, a, padded, scale, shrink, rate, momentum, keep)
  },
  adam({ held: { at, gradientAt }, slots: [m = 0, v = 0, a = 0], padded }, numbers) {
    const { scale, shrink, rate, step, keep } = numbers
    const [inverse, rest1, rest2] = [1 / (1 - BETA2 ** step), 1 - BETA1, 1 - BETA2]
    if (keep === undefined)
      // prettier-ignore
      kernels.adam(at, gradientAt, m, v, padded, scale, shrink, rate, BETA1, rest1, BETA2, rest2, inverse, EPSILON)
    else
      // prettier-ignore
      kernels.adamAveraged(at, gradientAt, m, v, a, padded, scale, shrink, rate, BETA1, rest1, BETA2, rest2, inverse, EPSILON, keep)
  },
}

function largestOf(data: Float32Array): number {
  let largest = 0
  for (let at = 0; at < data.length; at += 1) largest = Math.max(largest, Math.abs(data[at] ?? 0))
  return largest
}
