/**
 * The numbers under training, in plain memory: parameters, optimizer state, and the step count. A step returns
 * new weights or none and leaves the last good ones as they are; only memory that its caller gives up is written over.
 */
import type { Hyperparameters, Method, StepResult, TrainableState } from '../contracts/adapter.ts'
import type { Tensor, Tensors } from '../contracts/core.ts'
import type { Head } from '../contracts/example.ts'
import type { TaskHead } from '../contracts/task.ts'
import { BLOCK, isFiniteBlock } from '../nn/js/wasm/lent.ts'
import { invariant } from '../platform/errors.ts'
import { clipScale, type MovingWeights, type Optimizer, OFFSET } from './optimizer.ts'

export interface Weights {
  readonly parameters: Tensors
  /** Parameter → its arrays, in the order of the optimizer's slots; absent = all zero. */
  readonly slots: ReadonlyMap<string, readonly Float32Array[]>
  readonly steps: number
}

/** The result of a step that was not made, because a number of it is not finite. */
export const DROPPED: StepResult = { loss: NaN, gradientNorm: NaN, dropped: true }

/** Both learning rates are multiplied by `rateFactor`, and that of the head also by `headFactor`. */
export interface RateFactors {
  readonly rateFactor: number
  readonly headFactor?: number
}

/**
 * The gradients' `norm` decides the clipping. Undefined when a new number is not finite. `into`: weights that nothing reads any more,
 * of the same shapes; the new ones are written over them, so that a step of many numbers takes no new memory.
 */
export function stepped(
  weights: Weights,
  optimizer: Optimizer,
  gradients: ReadonlyMap<string, Float32Array>,
  norm: number,
  hyperparameters: Hyperparameters & RateFactors,
  into?: Weights,
): Weights | undefined {
  const step = weights.steps + 1
  const { clip_norm, rateFactor, headFactor = 1 } = hyperparameters
  const scale = clipScale(norm, clip_norm)
  const parameters = new Map<string, Tensor>()
  const slots = new Map<string, readonly Float32Array[]>()
  for (const [name, { shape, data }] of weights.parameters) {
    const gradient = gradients.get(name)
    invariant(gradient !== undefined, `no gradient of ${name}`)
    const before = { weights: data, slots: weights.slots.get(name) ?? [] }
    const after = roomFor(name, data.length, optimizer, into)
    const rate = rateFactor * (isOfHead(name) ? headFactor : 1) * rateOf(name, hyperparameters)
    for (let from = 0; from < data.length; from += BLOCK) {
      const own = blockOf(after, from)
      optimizer.update(
        blockOf(before, from),
        gradient.subarray(from, from + BLOCK),
        { rate, scale, step },
        own,
      )
      if (!isFiniteBlock(own.weights)) return undefined
    }
    parameters.set(name, { shape, data: after.weights })
    slots.set(name, after.slots)
  }
  return { parameters, slots, steps: step }
}

function roomFor(
  name: string,
  length: number,
  optimizer: Optimizer,
  into: Weights | undefined,
): MovingWeights {
  const room = (array: Float32Array | undefined) =>
    array?.length === length ? array : new Float32Array(length)
  const slots = into?.slots.get(name)
  return {
    weights: room(into?.parameters.get(name)?.data),
    slots: optimizer.slots.map((_, at) => room(slots?.[at])),
  }
}

function blockOf({ weights, slots }: MovingWeights, from: number): MovingWeights {
  if (weights.length <= BLOCK) return { weights, slots }
  const to = from + BLOCK
  return {
    weights: weights.subarray(from, to),
    slots: slots.map((slot) => slot.subarray(from, to)),
  }
}

/** Projects the parameters onto the method's set. The average stays, so its offset changes. */
export function retracted(
  weights: Weights,
  optimizer: Optimizer,
  method: Pick<Method, 'retract'>,
): Weights {
  const parameters = method.retract?.(weights.parameters)
  if (parameters === undefined) return weights
  const own = optimizer.slots.indexOf(OFFSET)
  const slots = new Map(weights.slots)
  for (const [name, { data }] of own < 0 ? [] : weights.parameters) {
    const after = parameters.get(name)?.data ?? data
    if (after === data) continue
    const arrays = slots.get(name) ?? []
    const offset = (value: number, at: number) => value + ((data[at] ?? 0) - (after[at] ?? 0))
    slots.set(
      name,
      arrays.map((array, slot) => (slot === own ? array.map(offset) : array)),
    )
  }
  return { ...weights, parameters, slots }
}

/** The average that the optimizer keeps; before the first step, the weights themselves. Undefined if it keeps none. */
export function averaged(
  { parameters, slots }: Weights,
  optimizer: Optimizer,
): Tensors | undefined {
  const own = optimizer.slots.indexOf(OFFSET)
  if (own < 0) return undefined
  return mapTensors(parameters, (name, { shape, data }) => {
    const offset = slots.get(name)?.[own]
    if (offset === undefined) return { shape, data }
    const mean = new Float32Array(data.length)
    for (let at = 0; at < mean.length; at += 1) mean[at] = (data[at] ?? 0) + (offset[at] ?? 0)
    return { shape, data: mean }
  })
}

/** Tensors shaped like the head grow with it; new elements start at zero. */
export function grown(
  { parameters, slots, steps }: Weights,
  task: TaskHead,
  outputs: number,
): Weights {
  const grow = (name: string, tensor: Tensor) => task.grow(name, tensor, outputs)
  return {
    parameters: mapTensors(parameters, grow),
    slots: new Map(
      [...slots].map(([name, arrays]) => {
        const shape = parameters.get(name)?.shape ?? []
        return [name, arrays.map((data) => grow(name, { shape, data }).data)]
      }),
    ),
    steps,
  }
}

/** `optimizer/<slot>/<parameter>` beside the parameters, copied. */
export function toState(weights: Weights, optimizer: Optimizer, head: Head): TrainableState {
  const tensors = new Map(copied(weights.parameters))
  for (const [name, arrays] of weights.slots)
    for (const [index, data] of arrays.entries()) {
      const shape = weights.parameters.get(name)?.shape ?? []
      tensors.set(slotName(optimizer, index, name), { shape, data: data.slice() })
    }
  return { head, tensors, steps: weights.steps }
}

/** The parameters of a state that `names` lists; slots that it lacks, after a change of optimizer, start at zero. */
export function fromState(
  { tensors, steps }: TrainableState,
  optimizer: Optimizer,
  names: readonly string[],
): Weights {
  const parameters = new Map<string, Tensor>()
  const slots = new Map<string, readonly Float32Array[]>()
  for (const name of names) {
    const tensor = tensors.get(name)
    if (tensor === undefined) continue
    parameters.set(name, { shape: [...tensor.shape], data: tensor.data.slice() })
    const arrays = optimizer.slots.map((_, index) => tensors.get(slotName(optimizer, index, name)))
    slots.set(
      name,
      arrays.map((slot) => slot?.data.slice() ?? new Float32Array(tensor.data.length)),
    )
  }
  return { parameters, slots, steps }
}

export function copied(tensors: Tensors): Tensors {
  return mapTensors(tensors, (_, { shape, data }) => ({ shape: [...shape], data: data.slice() }))
}

/** The same names, each with its changed tensor. */
export function mapTensors(
  tensors: Tensors,
  change: (name: string, tensor: Tensor) => Tensor,
): Tensors {
  const changed = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) changed.set(name, change(name, tensor))
  return changed
}

function slotName(optimizer: Optimizer, index: number, name: string): string {
  return `optimizer/${optimizer.slots[index] ?? ''}/${name}`
}

export function isOfHead(name: string): boolean {
  return name.startsWith('head.')
}

/** Heads start from zero and learn faster than the layers below. */
export function rateOf(
  name: string,
  { learning_rate, head_learning_rate }: Hyperparameters,
): number {
  return isOfHead(name) ? (head_learning_rate ?? 10 * learning_rate) : learning_rate
}
