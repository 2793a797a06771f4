/** A real trainable on a BERT of two layers and width 16, with rows whose latents are drawn at random. */
import { fileURLToPath } from 'node:url'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { type AdapterPlan, freshAdapter, specsOf } from '../../src/adapters/adapter.ts'
import { lora } from '../../src/adapters/lora.ts'
import { viewOf } from '../../src/adapters/view.ts'
import { cutOf } from '../../src/adapters/target-modules.ts'
import { openBert } from '../../src/bases/bert/bert.ts'
import type { Trainable, TrainRow } from '../../src/contracts/adapter.ts'
import type { Random, Tensor, Tensors } from '../../src/contracts/core.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Latent } from '../../src/contracts/network.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { openRandom } from '../../src/platform/random.ts'
import type { Head } from '../../src/contracts/example.ts'
import { labelsIn } from '../../src/tasks/labels/label-rules.ts'
import type { LabelTarget } from '../../src/tasks/classification/target.ts'
import { BaseTensors } from '../../src/optim/engines/eager-pass.ts'
import { openTrainable, type TrainableParts } from '../../src/optim/step.ts'
import { nameOf } from '../adapters/name-of.ts'
import { drawn } from '../drawn.ts'
import { labelledPlan, type LabelledPlan } from '../tasks/labelled-plan.ts'

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

export const hyperparameters = {
  learning_rate: 0.01,
  optimizer: 'adam',
  momentum: 0,
  clip_norm: 1,
} as const

/** `retired`: labels that neither answer nor learn. `head` stands for `labels`. */
export interface PlanChange extends Partial<Omit<LabelledPlan, 'head'>> {
  readonly retired?: readonly string[]
  readonly head?: Head
}

export function planOf({ retired = [], head, ...change }: PlanChange = {}): LabelledPlan {
  const method = change.method ?? lora
  const { config = { method: nameOf(method), rank: 3, alpha: 6, tail_layers: 'all' } } = change
  const { labels = (head as readonly string[] | undefined) ?? ['a', 'b', 'c'] } = change
  const base = viewOf(change.base ?? bert, method, config)
  return { ...labelledPlan({ method, config, base }, labels, { retired }), ...change, base }
}

export function open(change: Partial<TrainableParts> & PlanChange = {}) {
  const plan = planOf(change)
  return openTrainable({
    tf,
    baseTensors: tensorsOf(plan.base),
    hyperparameters,
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

export interface LabelledRow extends TrainRow {
  readonly target: LabelTarget
}

export function rows(
  targets: readonly (string | LabelTarget)[],
  plan = planOf(),
  seed = 1,
): LabelledRow[] {
  const lengths = targets.map((_, row) => 1 + ((row * 5) % 7))
  return latents(lengths, plan, seed).map((latent, row) => {
    const target = targets[row]!
    const resolved = typeof target === 'string' ? labelled(target) : target
    return { latent, target: resolved, weight: 1 }
  })
}

export const labelled = (label: string): LabelTarget => ({ kind: 'label', label })
export const not = (label: string): LabelTarget => ({ kind: 'not', label })

/** More labels for the head. */
export function grow(trainable: Trainable, ...labels: readonly string[]): void {
  trainable.grow([...labelsIn(trainable.head), ...labels])
}

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
  return { shape, data: drawn(length, random, size) }
}
