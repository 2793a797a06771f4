/**
 * Text, class-incremental, in one pass and without task ids: banking77 (7 × 11 labels) and clinc150 (15 × 10) on MiniLM, which
 * `antikythera models pull minilm` puts in the cache.
 */
import { join } from 'node:path'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { encodedOf, latentsOf } from '../lib/text-latents.mjs'
import { adapterOf, answers, learn, openTextLearner, seenBy } from '../lib/text-learner.mjs'
import { datasets, readTexts, shuffled, streamOf, tasksOf } from '../lib/text-stream.mjs'
import { tableOf } from './text-table.mjs'
import { configs } from './text-configs.mjs'
import { labelled } from '../lib/learner.mjs'

export async function measure({ data, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { base, engine } = await openMiniLm()
  for (const dataset of Object.keys(datasets)) {
    const texts = {
      train: readTexts(data, dataset, 'train'),
      test: readTexts(data, dataset, 'test'),
    }
    for (const [name, { most = seeds.length, ...settings }] of configs)
      for (const seed of seeds.slice(0, most))
        await run(`${dataset} · ${name} · seed ${seed}`, settings, () =>
          trial({ base, engine, dataset, texts, settings, seed }),
        )
  }
  return tableOf(runs(), configs)
}

export async function openMiniLm() {
  const { tf } = await openTensorFlow({ threads: 1 })
  const base = await openBase({ bert: join(userCache(), 'models', 'minilm') })
  const uploaded = new Map()
  const engine = (seen) => {
    if (!uploaded.has(seen)) uploaded.set(seen, new BaseTensors(tf, seen))
    return { tf, baseTensors: uploaded.get(seen) }
  }
  return { base, engine }
}

/** With `isShort` it is tested at the end alone, and nothing is known of forgetting. */
export async function trial({ base: whole, engine, dataset, texts, settings, seed, isShort }) {
  const base = seenBy(whole, settings)
  const cut = cutOf(adapterOf(settings).tail_layers, base.network.layers)
  const latents = new Map([
    ...(await latentsOf(base, cut, texts.train)),
    ...(await latentsOf(base, cut, texts.test)),
  ])
  const open = () => openTextLearner({ engine: engine(base), base, settings, seed })
  const tasks = tasksOf(texts.train, dataset)
  const random = openRandom(seed, 'text/stream')
  const stream = streamOf(texts.train, tasks, random)
  const testsOf = tasks.map((labels) => texts.test.filter(({ label }) => labels.includes(label)))
  const curves = tasks.map(() => [])
  let { learner, trainable } = open()
  for (const [at, rows] of stream.entries()) {
    // The bound: it may go back to everything that came, as often as it likes.
    if (settings.isRetrained && at > 0) {
      trainable.dispose()
      ;({ learner, trainable } = open())
    }
    const lesson = settings.isRetrained ? shuffled(stream.slice(0, at + 1).flat(), random) : rows
    learn(
      learner,
      lesson.map((row) => exampleOf(base, row)),
      latents,
    )
    if (isShort && at < tasks.length - 1) continue
    for (const [task, tests] of testsOf.slice(0, at + 1).entries())
      curves[task].push(answers(trainable, tests, latents, tasks[task]))
  }
  const parameters = [...trainable.parameters().values()]
  const { dropped } = learner.updates.progress
  trainable.dispose()
  const accuracy = percent(curves.flatMap((curve) => curve.at(-1)).map(({ all }) => all))
  if (isShort) return { accuracy, dropped }
  return {
    accuracy,
    forgetting: forgettingOf(curves, 'all'),
    forgettingOwn: forgettingOf(curves, 'own'),
    parameters: parameters.reduce((sum, { data }) => sum + data.length, 0),
    dropped,
  }
}

function exampleOf(base, { key, label, ...row }) {
  return labelled(key, encodedOf(base, row), label)
}

/** Chaudhry et al. (2018): over all tasks but the last, the mean of the best accuracy that it ever had minus the final one. */
function forgettingOf(curves, among) {
  const drops = curves.slice(0, -1).map((curve) => {
    const accuracies = curve.map((rows) => percent(rows.map((row) => row[among])))
    return Math.max(...accuracies) - accuracies.at(-1)
  })
  return drops.reduce((sum, drop) => sum + drop, 0) / drops.length
}

function percent(right) {
  return (100 * right.filter(Boolean).length) / right.length
}
