/** The product's learner on texts. */
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { policies } from '../../../dist/src/plugins.js'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { methods } from '../../../dist/src/plugins.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { openKnnMemory } from '../../../dist/src/learner/memory/knn-memory.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openLearner } from './learner.mjs'
import { classificationOf } from './learner.mjs'

const hyperparameters = { learning_rate: 0.001, optimizer: 'adam', momentum: 0.9, clip_norm: 1 }
const defaults = { batch: 16, replay_batch: 16, epochs: 1 }
const none = { policy: 'none' }

export function adapterOf({ adapter }) {
  return { rank: 0, alpha: 1, tail_layers: 0, ...adapter }
}

/** What its head sees of the base. */
export function seenBy(base, settings) {
  const config = adapterOf(settings)
  return viewOf(base, methods[config.method], config)
}

/** `base` as `seenBy` gave it. No label is known before it comes. With instant memory, `knnMemory` is its engine. */
export function openTextLearner({ engine, base, settings, seed, trust }) {
  const { replay = none, every = 16, train } = settings
  const config = adapterOf(settings)
  const method = methods[config.method]
  const task = classificationOf([], { open: true })
  const plan = { base, method, task, config }
  const random = (stream) => openRandom(seed, `text/${stream}`)
  const freshParameters = (head) =>
    freshAdapter({ ...plan, outputs: task.outputs(head) }, random('adapter'))
  const trainable = openTrainable({
    ...plan,
    ...engine,
    head: [],
    hyperparameters: { ...hyperparameters, ...train },
    regularizer: openPolicy('regularizer', policies.regularizer, none),
    parameters: freshParameters([]),
  })
  const isClosed = method.open(config).closedForm !== undefined
  const knnMemory = knnMemoryOf({ engine, base, config, memory: settings.memory })
  const learner = openLearner({
    task,
    trainable,
    random,
    chosen: { replay, trigger: { policy: 'count', every } },
    freshParameters,
    train: { ...defaults, ...train, ...(isClosed && { replay_batch: 0 }) },
    knnMemory,
    ...(trust && { trust }),
  })
  return { learner, trainable, knnMemory: knnMemory?.engine }
}

function knnMemoryOf({ engine: { tf, baseTensors }, base, config, memory }) {
  if (memory === undefined) return undefined
  const cut = cutOf(config.tail_layers, base.network.layers)
  return openKnnMemory(openPolicy('memory', policies.memory, memory), {
    tf,
    base,
    baseTensors,
    cut,
  })
}

/** Learns what is pending. */
export function update(learner, latents, options) {
  finish(learner.update(undefined, options), latents)
}

/** Runs a story of the learner to its end, and answers what it returns. */
export function finish(story, latents) {
  let told = story.next()
  while (told.done !== true) told = story.next(latents)
  return told.value
}

/** Learns all of these, in order; what is left at the end is an update too. */
export function learn(learner, examples, latents) {
  for (const example of examples)
    if (learner.accept(example, latents, 0).verdict === 'update') update(learner, latents)
  if (learner.pendingCount > 0) update(learner, latents)
}

/** Whether each row is answered rightly: among all labels, and among those of its own task alone. */
export function answers(trainable, rows, latents, own) {
  const { head: labels } = trainable
  const places = own.map((label) => labels.indexOf(label))
  const right = []
  for (let from = 0; from < rows.length; from += 128) {
    const some = rows.slice(from, from + 128)
    const logits = trainable.score(some.map(({ key }) => latents.get(key)))
    for (const [at, { label }] of some.entries()) {
      const z = logits[at]
      const among = places.map((place) => z[place])
      right.push({ all: labels[best(z)] === label, own: own[best(among)] === label })
    }
  }
  return right
}

function best(numbers) {
  return numbers.indexOf(Math.max(...numbers))
}
