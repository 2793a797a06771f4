/** A real trainable on a BERT of two layers and width 16, with rows whose latents are drawn at random. */
import { fileURLToPath } from 'node:url'
import { openPolicy } from '../../src/config/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { type AdapterPlan, freshAdapter, specsOf } from '../../src/adapters/adapter.ts'
import { lora } from '../../src/adapters/lora.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { TrainRow } from '../../src/contracts/adapter.ts'
import type { Random, Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Base, Latent } from '../../src/contracts/network.ts'
import type { Target } from '../../src/contracts/task.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openRandom } from '../../src/platform/random.ts'
import { classification } from '../../src/tasks/classification/classification.ts'
import { BaseTensors } from '../../src/optim/base-tensors.ts'
import { openTrainable, type TrainableParts } from '../../src/optim/step.ts'
import { nameOf } from '../adapters/name-of.ts'

export const { tf } = await openTensorFlow()
export const bert = await openBert(
  fileURLToPath(new URL('../reference/tiny-bert/half', import.meta.url)),
)
const uploaded = new Map<Base, BaseTensors>()

export function tensorsOf(base: Base): BaseTensors {
  const tensors = uploaded.get(base) ?? new BaseTensors(tf, base)
  uploaded.set(base, tensors)
  return tensors
}

export const knobs = {
  learning_rate: 0.01,
  optimizer: 'adam',
  momentum: 0,
  clip_norm: 1,
} as const

export function planOf(change: Partial<AdapterPlan> = {}): AdapterPlan {
  const method = change.method ?? lora
  const { config = { method: nameOf(method), rank: 3, alpha: 6, tail_layers: 'all' } } = change
  return {
    method,
    task: classification,
    config,
    labels: ['a', 'b', 'c'],
    ...change,
    base: viewOf(change.base ?? bert, method, config),
  }
}

export function open(change: Partial<TrainableParts> = {}) {
  const plan = planOf(change)
  return openTrainable({
    tf,
    baseTensors: tensorsOf(plan.base),
    knobs,
    regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
    parameters: freshAdapter(plan, openRandom(1, 'fresh')),
    ...change,
    ...plan,
  })
}

/** Every tensor drawn at random, so that nothing that an adapter adds is zero. */
export function randomAdapter(plan: AdapterPlan, seed = 1, size = 0.2): Tensors {
  const random = openRandom(seed, 'adapter')
  return new Map(specsOf(plan).map(({ name, shape }) => [name, draw(shape, random, size)]))
}

export function latents(lengths: readonly number[], plan = planOf(), seed = 1): Latent[] {
  const { network } = plan.base
  const width = network.latentWidth(cutOf(plan.config.tail_layers, network.layers))
  const random = openRandom(seed, 'latents')
  return lengths.map((length) => {
    // Another trunk than the base's own ends in one vector.
    const positions = plan.base.trunk === undefined ? length : 1
    return { positions, width, data: draw([positions, width], random, 1).data }
  })
}

export function rows(targets: readonly (string | Target)[], plan = planOf(), seed = 1): TrainRow[] {
  const lengths = targets.map((_, row) => 1 + ((row * 5) % 7))
  return latents(lengths, plan, seed).map((latent, row) => {
    const target = targets[row]!
    const resolved = typeof target === 'string' ? labelled(target) : target
    return { latent, target: resolved, weight: 1 }
  })
}

export const labelled = (label: string): Target => ({ kind: 'label', label })
export const not = (label: string): Target => ({ kind: 'not', label })

/** The bytes of named tensors, in an order of their own, for comparing bit by bit. */
export function bytesOf(tensors: Tensors): string[] {
  return [...tensors]
    .map(
      ([name, { shape, data }]) =>
        `${name} ${shape.join()} ${Buffer.from(new Uint8Array(data.buffer)).toString('hex')}`,
    )
    .sort()
}

function draw(shape: readonly number[], random: Random, size: number): Tensor {
  const length = shape.reduce((product, size) => product * size, 1)
  return { shape, data: Float32Array.from({ length }, () => random.normal() * size) }
}
