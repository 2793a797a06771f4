/**
 * Gradients through the public door alone: a step of plain SGD with rate 1 moves by the gradient, and a step with rate 0
 * tells the loss.
 */
import type { TrainRow } from '../../src/contracts/adapter.ts'
import type { Tensor, Tensors } from '../../src/contracts/core.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { LabelledPlan } from '../tasks/labelled-plan.ts'
import { open } from '../trainer/rig.ts'

export function slopes(
  plan: LabelledPlan,
  parameters: Tensors,
  rows: readonly TrainRow[],
): Tensors {
  const trainable = openAt(plan, parameters, 1)
  trainable.step(rows)
  const after = trainable.parameters()
  trainable.dispose()
  return new Map(
    [...parameters].map(([name, { shape, data }]) => {
      const moved = after.get(name)!.data
      return [name, { shape, data: data.map((value, at) => value - moved[at]!) }]
    }),
  )
}

/** (L(θ + εd) − L(θ − εd)) / 2ε along a random direction d of length 1 in each tensor. */
export function slopesByDifference(
  plan: LabelledPlan,
  parameters: Tensors,
  rows: readonly TrainRow[],
): readonly { readonly name: string; readonly direction: Float32Array; readonly slope: number }[] {
  const random = openRandom(1, 'difference')
  const trainable = openAt(plan, parameters, 0)
  const lossAt = (tensors: Tensors) => {
    trainable.restore({ head: plan.labels, tensors, steps: 0 })
    return trainable.step(rows).loss
  }
  const found = [...parameters].map(([name, tensor]) => {
    const direction = unit(tensor.data.map(() => random.normal()))
    const lossBy = (by: number) =>
      lossAt(new Map([...parameters, [name, shifted(tensor, direction, by)]]))
    const slope = (lossBy(STEP) - lossBy(-STEP)) / (2 * STEP)
    return { name, direction, slope }
  })
  trainable.dispose()
  return found
}

/** Between the rounding of float32, which grows with 1/ε, and the third derivative, which grows with ε². */
const STEP = 1 / 384

function openAt(plan: LabelledPlan, parameters: Tensors, rate: number) {
  const hyperparameters = {
    learning_rate: rate,
    head_learning_rate: rate,
    optimizer: 'sgd',
    momentum: 0,
    clip_norm: Infinity,
  } as const
  return open({ ...plan, parameters, hyperparameters })
}

function shifted({ shape, data }: Tensor, direction: Float32Array, by: number): Tensor {
  return { shape, data: data.map((value, at) => value + by * direction[at]!) }
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
