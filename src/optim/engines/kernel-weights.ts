/**
 * The weights of a small network under training, in the memory of its kernels: weights, gradients, moments and average
 * stay there from step to step, and a step changes them in place. Inputs and outputs are copied.
 *
 * A step in place cannot be undone, so it is made only if its numbers are certain to stay finite; any other goes
 * through `stepped`, as on TensorFlow.
 */
import type { Hyperparameters } from '../../contracts/adapter.ts'
import type { Tensor, Tensors } from '../../contracts/core.ts'
import type { HeldTensor } from '../../nn/js/ops.ts'
import { Arena, double, floats, kernels } from '../../nn/js/wasm/memory.ts'
import { invariant } from '../../platform/errors.ts'
import { clipScale, type Optimizer, OFFSET, shrinkOf } from '../optimizer.ts'
import { type KernelPlace, KernelRule } from './kernel-rule.ts'
import { isOfHead, type RateFactors, rateOf, stepped, type Weights } from '../weights.ts'

const { add, flush, squares, zero } = kernels

/** Numbers fade to a fraction of at most 2⁻¹⁶ in so many steps, unless they become 0 by themselves. */
const STEPS_TO_FLUSH = 16

interface Place extends KernelPlace {
  readonly name: string
  readonly shape: readonly number[]
  readonly size: number
  readonly rate: number
  /** A view of the gradient. */
  readonly gradient: Float32Array
  readonly meanAt: number
  /** Addresses of the optimizer's slots, in their order. */
  readonly slots: readonly number[]
}

type Gradients = ReadonlyMap<string, Float32Array>

export class KernelWeights {
  readonly #optimizer: Optimizer
  readonly #hyperparameters: Hyperparameters
  readonly #rule: KernelRule
  readonly #isAveraged: boolean
  #arena: Arena | undefined
  #places: readonly Place[] = []
  /** Where a sum of squares is written. */
  #sumAt = 0
  #sum: Float64Array = new Float64Array()
  #steps = 0
  /** Before the first step there are none. */
  #hasSlots = false
  #isMeanDue = false
  /** Copies of the numbers as they are now. */
  #copied: Weights | undefined

  constructor(optimizer: Optimizer, hyperparameters: Hyperparameters) {
    this.#optimizer = optimizer
    this.#hyperparameters = hyperparameters
    this.#rule = new KernelRule(hyperparameters)
    this.#isAveraged = optimizer.slots.includes(OFFSET)
  }

  get steps(): number {
    return this.#steps
  }

  /** The count of all numbers. */
  get size(): number {
    return this.#places.reduce((sum, { size }) => sum + size, 0)
  }

  /** The weights that learn. Another object after other shapes were loaded. */
  get learning(): ReadonlyMap<string, HeldTensor> {
    return this.#learning
  }

  /** The weights that answer: the average, if there is one. */
  get answering(): ReadonlyMap<string, HeldTensor> {
    if (!this.#isAveraged) return this.#learning
    if (this.#isMeanDue) {
      const own = this.#optimizer.slots.indexOf(OFFSET)
      for (const { at, padded, meanAt, slots } of this.#places)
        add(meanAt, at, slots[own] ?? 0, 1, padded, 0, 0, 0)
      this.#isMeanDue = false
    }
    return this.#answering
  }

  /** Views of the gradients, by name: the next step changes them. */
  get gradients(): Gradients {
    return this.#gradients
  }

  #learning: ReadonlyMap<string, HeldTensor> = new Map()
  #answering: ReadonlyMap<string, HeldTensor> = new Map()
  #gradients: Gradients = new Map()

  /** Copied, once for each step. */
  get weights(): Weights {
    this.#copied ??= {
      parameters: new Map(
        this.#places.map(({ name, shape, size, at }) => [name, { shape, data: copyOf(at, size) }]),
      ),
      slots: new Map(
        (this.#hasSlots ? this.#places : []).map(({ name, size, slots }) => [
          name,
          slots.map((at) => copyOf(at, size)),
        ]),
      ),
      steps: this.#steps,
    }
    return this.#copied
  }

  /** Replaces all weights. Returns whether they have moved in memory, so that tapes must be recorded again. */
  load(weights: Weights): boolean {
    const isMoved = !this.#fits(weights.parameters)
    if (isMoved) this.#place(weights.parameters)
    for (const { name, size, at, slots } of this.#places) {
      const { data } = tensorIn(weights.parameters, name)
      floats(at, size).set(data)
      const arrays = weights.slots.get(name)
      for (const [slot, address] of slots.entries()) {
        const array = arrays?.[slot]
        if (array === undefined) zero(address, 4 * size)
        else floats(address, size).set(array)
      }
    }
    this.#steps = weights.steps
    this.#hasSlots = weights.slots.size > 0
    this.#isMeanDue = true
    this.#copied = undefined
    this.#rule.measure(weights, this.#optimizer)
    return isMoved
  }

  /** The norm of the gradients. Copies them into the kernels' memory, unless they are there already. */
  norm(gradients: Gradients): number {
    let sum = 0
    const view = this.#sum
    for (const { name, size, padded, gradientAt, gradient } of this.#places) {
      const given = gradients.get(name)
      if (given === undefined) zero(gradientAt, 4 * size)
      else if (given !== gradient) gradient.set(given)
      squares(this.#sumAt, gradientAt, padded)
      sum += view[0] ?? 0
    }
    return Math.sqrt(sum)
  }

  /**
   * One step with the gradients that `norm` has seen. Returns whether every number stayed finite; if not, nothing
   * moves.
   */
  step(norm: number, factors: RateFactors): boolean {
    const { rateFactor, headFactor = 1 } = factors
    const rateAt = ({ name, rate }: Place) => rateFactor * (isOfHead(name) ? headFactor : 1) * rate
    const step = this.#steps + 1
    const hyperparameters = this.#hyperparameters
    const scale = clipScale(norm, hyperparameters.clip_norm)
    let [rate, shrink] = [0, 0]
    for (const place of this.#places) {
      const own = rateAt(place)
      rate = Math.max(rate, own)
      shrink = Math.max(shrink, shrinkOf(hyperparameters, own, step))
    }
    if (!this.#rule.isSafe({ rate, shrink, step, gradient: norm * scale }))
      return this.#stepOutside(norm, factors)
    this.#rule.begin(step, scale)
    for (const place of this.#places) {
      const own = rateAt(place)
      this.#rule.step(place, own, shrinkOf(hyperparameters, own, step))
    }
    if (step % STEPS_TO_FLUSH === 0)
      for (const { slots, padded } of this.#places) for (const at of slots) flush(at, padded)
    this.#steps = step
    this.#hasSlots = this.#optimizer.slots.length > 0
    this.#isMeanDue = true
    this.#copied = undefined
    return true
  }

  close(): void {
    this.#arena?.close()
    this.#arena = undefined
    this.#places = []
  }

  #stepOutside(norm: number, factors: RateFactors): boolean {
    const gradients = new Map(
      this.#places.map(({ name, gradient }) => [name, Float32Array.from(gradient)]),
    )
    const by = { ...this.#hyperparameters, ...factors }
    const after = stepped(this.weights, this.#optimizer, gradients, norm, by)
    if (after !== undefined) this.load(after)
    return after !== undefined
  }

  #fits(parameters: Tensors): boolean {
    if (this.#arena === undefined || parameters.size !== this.#places.length) return false
    return this.#places.every(
      ({ name, shape }) => parameters.get(name)?.shape.join() === shape.join(),
    )
  }

  #place(parameters: Tensors): void {
    this.#arena?.close()
    const arena = new Arena({ isTape: false })
    this.#arena = arena
    const taken = (count: number) => {
      const at = arena.take(count)
      zero(at, 4 * count)
      return at
    }
    this.#sumAt = arena.take(2)
    this.#sum = double(this.#sumAt)
    this.#places = [...parameters].map(([name, { shape, data }]) => {
      const size = data.length
      const padded = Math.ceil(size / 4) * 4
      const [at, gradientAt] = [taken(padded), taken(padded)]
      const slots = this.#optimizer.slots.map(() => taken(padded))
      const [first = 0, second = 0, third = 0] = slots
      return {
        ...{ name, shape, size, padded, at, gradientAt, slots, first, second, third },
        rate: rateOf(name, this.#hyperparameters),
        gradient: floats(gradientAt, size),
        meanAt: this.#isAveraged ? taken(padded) : at,
      }
    })
    const byName = <Item>(item: (place: Place) => Item) =>
      new Map(this.#places.map((place) => [place.name, item(place)]))
    this.#learning = byName(({ shape, at, gradientAt }) => ({ shape, at, gradientAt }))
    this.#answering = byName(({ shape, meanAt: at, gradientAt }) => ({ shape, at, gradientAt }))
    this.#gradients = byName(({ gradient }) => gradient)
  }
}

function tensorIn(tensors: Tensors, name: string): Tensor {
  const tensor = tensors.get(name)
  invariant(tensor !== undefined, `the weights have no ${name}`)
  return tensor
}

function copyOf(at: number, size: number): Float32Array {
  return Float32Array.from(floats(at, size))
}
