/**
 * The product's learner on a stream of pixels. An update after every batch.
 */
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { openFeatures } from '../../../dist/src/bases/features/features.js'
import { methods } from '../../../dist/src/plugins.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openLearner } from '../lib/learner.mjs'
import { classificationOf, labelled } from '../lib/learner.mjs'

export const labels = Array.from({ length: 10 }, (_, digit) => `${digit}`)
const BATCH = 10

export function openMnistLearner({ engine, size, settings, seed }) {
  const { lr, replay_batch = 0, replay = none, forgetting = none } = settings
  const base = openFeatures({ size, hidden: [100, 100], standardise: false, shortcut: false })
  const method = methods.full
  const config = { method: 'full', rank: 0, alpha: 1, tail_layers: 'all' }
  const task = classificationOf(labels, { limit: labels.length })
  const plan = { base, method, task, config, outputs: labels.length }
  const random = (stream) => openRandom(seed, `mnist/${stream}`)
  const trainable = openTrainable({
    ...plan,
    ...engine(base),
    head: labels,
    hyperparameters: { ...sgd, learning_rate: lr, head_learning_rate: lr },
    regularizer: openPolicy('regularizer', policies.regularizer, forgetting),
    parameters: withOwnStart(freshAdapter(plan, random('adapter')), random('start')),
  })
  const learner = openLearner({
    task,
    trainable,
    random,
    chosen: { replay, trigger: { policy: 'count', every: BATCH } },
    freshParameters: () => freshAdapter(plan, random('adapter')),
    train: { batch: BATCH, replay_batch, epochs: 1 },
  })
  return { learner, trainable }
}

const none = { policy: 'none' }
const sgd = { optimizer: 'sgd', momentum: 0, clip_norm: Number.MAX_VALUE }

/**
 * The base's own start is the same for all. Here each seed has another one, so that its spread is in the figures too:
 * uniform, of variance 2 / (in + out) as Glorot & Bengio (2010) have it, as in the published runs.
 */
function withOwnStart(parameters, random) {
  return new Map(
    [...parameters].map(([name, { shape, data }]) => {
      if (!name.endsWith('.weight')) return [name, { shape, data }]
      const most = Math.sqrt(6 / (shape[0] + shape[1]))
      return [name, { shape, data: data.map(() => (2 * random.uniform() - 1) * most) }]
    }),
  )
}

/** Learns all of it, in order; what is left at the end is an update too. */
export function learn(learner, stream, latentOf) {
  const latents = new Map()
  const update = () => {
    const story = learner.update()
    let told = story.next()
    while (told.done !== true) {
      latents.clear()
      for (const { key } of told.value) latents.set(key, latentOf(key))
      told = story.next(latents)
    }
  }
  for (const { key, label, pixels } of stream) {
    const encoded = { data: pixels }
    const example = labelled(key, encoded, label)
    if (learner.accept(example, latents, 0).verdict === 'update') update()
  }
  if (learner.pendingCount > 0) update()
}
