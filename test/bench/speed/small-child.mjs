/**
 * Our side of speed-small: node small-child.mjs ours|tensorflow <case>; then a number of steps a line. `tensorflow`: the same
 * step where the plain engine is not chosen, compiled.
 */
import { createInterface } from 'node:readline'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openPolicy } from '../../../dist/src/config/plugins/open-policy.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { isPlain } from '../../../dist/src/optim/engines/plain-adapter.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods, policies } from '../../../dist/src/plugins.js'
import { cpuTime } from '../lib/figures.mjs'
import { classificationOf } from '../lib/learner.mjs'
import { smallStream, EVENTS } from './small-streams.mjs'
import { prequential } from '../lib/tabular-learner.mjs'

const [engine, name] = process.argv.slice(2)
const head = {
  base: { size: 384, standardise: false },
  labels: 77,
  method: 'head',
  optimizer: 'sgd',
}
const mlp = {
  base: { size: 784, standardise: false, hidden: [100, 100], shortcut: false },
  ...{ labels: 10, method: 'full', optimizer: 'adam' },
}
const CASES = { head1: head, head32: head, mlp10: mlp, mlp128: mlp }
const ROWS = { head1: 1, head32: 32, mlp10: 10, mlp128: 128 }

const { tf, version } = await openTensorFlow({ threads: 1 })
const work = name in CASES ? await steps(CASES[name], ROWS[name]) : stream()
for await (const line of createInterface({ input: process.stdin })) {
  const [cpu, started] = [cpuTime(), performance.now()]
  const told = await work(Number(line))
  say({ cpuMs: cpu(), wallMs: performance.now() - started, ...told })
}
process.exit(0)

async function steps({ base: features, labels: count, method: kind, optimizer }, size) {
  const opened = await openBase({ features })
  // A base of texts is left to TensorFlow.
  const base = engine === 'tensorflow' ? { ...opened, isSmall: undefined } : opened
  const labels = Array.from({ length: count }, (_, at) => `label ${at}`)
  const config = { method: kind, rank: 0, alpha: 1, tail_layers: 'all' }
  const task = classificationOf(labels)
  const plan = { base, method: methods[kind], config, task, outputs: count }
  const random = openRandom(1, 'bench')
  const trainable = openTrainable({
    ...{ ...plan, head: labels, tf, baseTensors: new BaseTensors(tf, base) },
    hyperparameters: { learning_rate: 1e-3, optimizer, momentum: 0, clip_norm: 1e6 },
    regularizer: openPolicy('regularizer', policies.regularizer, { policy: 'none' }),
    parameters: freshAdapter(plan, random),
    ...(engine === 'tensorflow' && { compiling: { onEager: refuse } }),
  })
  const width = features.size
  const batches = Array.from({ length: 16 }, () =>
    Array.from({ length: size }, () => ({
      // In the order of the product: an object that begins with a spread has a shape of its own on Node 20.
      latent: {
        positions: 1,
        width,
        data: Float32Array.from({ length: width }, () => random.normal()),
      },
      target: { kind: 'label', label: labels[random.below(count)] },
      weight: 1,
    })),
  )
  for (const batch of batches) trainable.step(batch)
  say({ engine: isPlain(plan) ? 'plain' : `tensorflow ${version}`, threads: 1 })
  return (count) => {
    for (let at = 0; at < count; at += 1) trainable.step(batches[at % batches.length])
    return {}
  }
}

function stream() {
  const rows = smallStream(name)
  say({ engine: 'the recipe for tables', threads: 1 })
  return async () => {
    const settings = { trigger: { policy: 'count', every: 1 } }
    const { accuracy } = await prequential(rows, { tf, settings, seed: 1 })
    return { accuracy, steps: EVENTS }
  }
}

function refuse(reason) {
  throw new Error(`the step is not compiled: ${reason}`)
}

function say(facts) {
  process.stdout.write(`${JSON.stringify(facts)}\n`)
}
