/**
 * 50,000 training steps: the count of tensors must not change, and resident memory not by more than 5 % after the first
 * 1,000. Law 8 over a long time. The rows differ in length from step to step, as a stream's do.
 *
 *   node test/bench/faults/steps.mjs [steps] [tail_layers] [compiled|eager]
 */
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { methods, policies } from '../../../dist/src/plugins.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { keepHeapSmall } from '../../../dist/src/trainer/process/priority.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { finish, machine, median, round, say } from '../lib/figures.mjs'
import { classificationOf } from '../lib/learner.mjs'
import { sentences } from '../lib/texts.mjs'

const steps = Number(process.argv[2] ?? 50_000)
const tailLayers = Number(process.argv[3] ?? 1)
const way = process.argv[4] ?? 'compiled'
const warmUp = 1000
const rowsPerStep = 2
const startedOn = machine()
keepHeapSmall()

const { tf, backend } = await openTensorFlow({ threads: 1 })
const base = await openBase('use-lite')
const labels = ['negative', 'positive']
const config = { method: 'lora', rank: 8, alpha: 16, tail_layers: tailLayers }
const task = classificationOf(labels)
const plan = { base, method: methods.lora, task, config, outputs: labels.length }
const trainable = openTrainable({
  ...plan,
  head: labels,
  tf,
  baseTensors: new BaseTensors(tf, base),
  hyperparameters: { learning_rate: 1e-4, optimizer: 'adam', momentum: 0.9, clip_norm: 1 },
  // As the product's default, with which a step writes into the memory of an earlier one.
  regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
  parameters: freshAdapter(plan, openRandom(1, 'adapter')),
  ...(way === 'compiled' && { compiling: { onEager: refuse } }),
})
const rows = await latentRows()
const tensors = new Set()
const bytes = []
const times = []
const began = performance.now()
let dropped = 0
for (let at = 0; at < steps; at += 1) {
  const start = performance.now()
  const from = (at * rowsPerStep) % (rows.length - rowsPerStep)
  if (trainable.step(rows.slice(from, from + rowsPerStep)).dropped) dropped += 1
  times.push(performance.now() - start)
  tensors.add(tf.memory().numTensors)
  if (at >= warmUp && at % 100 === 0) bytes.push(process.memoryUsage.rss())
  if (at % 5000 === 0) say(`step ${at}: ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB`)
}
const first = median(bytes.slice(0, 10))
finish('steps', startedOn, {
  ...{ steps, tailLayers, way, rowsPerStep, dropped, engine: { train: backend, threads: 1 } },
  stepMs: round(median(times)),
  seconds: round((performance.now() - began) / 1000, 0),
  tensorCounts: [...tensors],
  residentMiB: {
    afterWarmUp: round(first / 2 ** 20, 0),
    most: round(Math.max(...bytes) / 2 ** 20, 0),
    end: round(median(bytes.slice(-10)) / 2 ** 20, 0),
  },
  growth: round(median(bytes.slice(-10)) / first - 1, 4),
  mostGrowth: round(Math.max(...bytes) / first - 1, 4),
})
process.exit(0)

async function latentRows() {
  const trunk = await openTrunkEngine(base, cutOf(tailLayers, base.network.layers))
  const some = sentences().slice(0, 300)
  const encoded = some.map(({ text }) => base.encode({ kind: 'text', text }, 32))
  const latents = await trunk.encode(encoded)
  await trunk.close()
  return latents.map((latent, at) => ({
    latent,
    target: { kind: 'label', label: some[at].label },
    weight: 1,
  }))
}

function refuse(reason) {
  throw new Error(`not compiled: ${reason}`)
}
