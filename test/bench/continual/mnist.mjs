/**
 * Split-MNIST, class-incremental, one pass, batches of 10: the published table of Buzzega et al. (2020), "Dark
 * experience for general continual learning", NeurIPS, with our learner and our policies, and the settings that its
 * authors found best (the repository aimagelab/mammoth, utils/best_args.py).
 */
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { deviation, mean, round } from '../lib/figures.mjs'
import { labels, learn, openMnistLearner } from './mnist-learner.mjs'
import { PIXELS, readMnist, streamOf, taskOf } from './mnist-stream.mjs'

const er = (lr) => ({ lr, replay_batch: 10, replay: { policy: 'reservoir' } })
const der = (lr, replay_batch, alpha) => ({ lr, replay_batch, replay: { policy: 'der', alpha } })
const derPlus = (lr, replay_batch, alpha, beta) => ({
  ...{ lr, replay_batch },
  replay: { policy: 'der++', alpha, beta },
})
const aGem = {
  ...{ lr: 0.1, replay_batch: 128, replay: { policy: 'reservoir' } },
  forgetting: { policy: 'a-gem' },
}
const ewc = { lr: 0.03, forgetting: { policy: 'ewc-online', lambda: 90 } }

/** Method, buffer, published accuracy, settings. */
const lines = [
  ['SGD', undefined, 19.6, { lr: 0.03 }],
  ['online EWC', undefined, 20.5, ewc],
  ['A-GEM', 200, 45.7, aGem],
  ['ER', 200, 80.4, er(0.01)],
  ['ER', 500, 86.1, er(0.1)],
  ['ER', 5120, 93.4, er(0.1)],
  ['DER', 200, 84.6, der(0.03, 10, 0.2)],
  ['DER', 500, 90.5, der(0.03, 128, 1)],
  ['DER', 5120, 94.9, der(0.1, 128, 0.5)],
  ['DER++', 200, 85.6, derPlus(0.03, 128, 0.2, 1)],
  ['DER++', 500, 91.0, derPlus(0.03, 10, 1, 0.5)],
  ['DER++', 5120, 95.3, derPlus(0.1, 64, 0.2, 0.5)],
  ['joint', undefined, 95.6, { lr: 0.03, isJoint: true }],
].map(([method, capacity, published, some]) => {
  const replay = some.replay && { ...some.replay, capacity }
  return { method, capacity, published, settings: { ...some, ...(replay && { replay }) } }
})
/** Points of accuracy. */
const TOLERANCE = 1.5

export async function measure({ data, seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const engine = (base) => ({ tf, baseTensors: new BaseTensors(tf, base) })
  let read
  const mnist = () => {
    if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
    read ??= { train: readMnist(data, 'train'), test: readMnist(data, 'test') }
    return read
  }
  const figures = new Map(lines.map((line) => [line, []]))
  for (const seed of seeds)
    for (const line of lines) {
      const { method, capacity, settings } = line
      const name = [method, capacity, `seed ${seed}`].filter((word) => word !== undefined).join(' ')
      const found = await run(name, settings, () => trial(mnist(), engine, settings, seed))
      if (found !== undefined) figures.get(line).push(found.accuracy)
    }
  return {
    columns: ['method', 'buffer', 'settings', 'published', 'ours', 'seeds', 'reproduced?'],
    rows: lines.map((line) => rowOf(line, figures.get(line))),
    note: `Accuracy at the end in %, mean ± standard deviation over seeds. Reproduced: within ${TOLERANCE} points, or better.`,
  }
}

function rowOf({ method, capacity, published, settings }, accuracies) {
  const ours = mean(accuracies)
  const isNear = ours >= published - TOLERANCE
  const isMeasured = accuracies.length > 0
  const spread = accuracies.length > 1 ? ` ± ${deviation(accuracies).toFixed(1)}` : ''
  return [
    method,
    capacity ?? '',
    wordsOf(settings),
    published.toFixed(1),
    isMeasured ? `${ours.toFixed(1)}${spread}` : '',
    accuracies.length,
    isMeasured ? (isNear ? 'yes' : `no: ${(ours - published).toFixed(1)}`) : 'not measured',
  ]
}

function wordsOf({ lr, replay_batch: replayed, replay = {}, forgetting = {} }) {
  const { alpha, beta } = replay
  const { lambda } = forgetting
  return Object.entries({ lr, replayed, α: alpha, β: beta, λ: lambda })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(', ')
}

function trial({ train, test }, engine, settings, seed) {
  const stream = streamOf(train, openRandom(seed, 'mnist/stream'), settings.isJoint === true)
  const { learner, trainable } = openMnistLearner({ engine, size: PIXELS, settings, seed })
  const latents = new Map(train.map(({ key, pixels }) => [key, latentOf(pixels)]))
  learn(learner, stream, (key) => latents.get(key))
  const logits = trainable.score(test.map(({ pixels }) => latentOf(pixels)))
  const isRight = logits.map((row, at) => labels[row.indexOf(Math.max(...row))] === test[at].label)
  trainable.dispose()
  const tasks = accuracies(isRight, test)
  return {
    accuracy: round(mean(tasks)),
    tasks: tasks.map((task) => round(task)),
    dropped: learner.updates.progress.dropped,
  }
}

/** Of each pair of digits; their mean is what the publication gives. */
function accuracies(isRight, test) {
  const counts = Array.from({ length: labels.length / 2 }, () => ({ right: 0, all: 0 }))
  for (const [at, { label }] of test.entries()) {
    const count = counts[taskOf(label)]
    count.all += 1
    if (isRight[at]) count.right += 1
  }
  return counts.map(({ right, all }) => (100 * right) / all)
}

function latentOf(pixels) {
  return { positions: 1, width: PIXELS, data: pixels }
}
