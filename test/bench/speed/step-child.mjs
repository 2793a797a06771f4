/** Our side of speed-step: node step-child.mjs compiled|eager <shape> <threads>; then a number of steps a line. */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods } from '../../../dist/src/plugins.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { cpuTime } from '../lib/figures.mjs'
import { classificationOf } from '../lib/learner.mjs'

const [engine, shape, threads] = process.argv.slice(2)
const lora = { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 }
const CONFIGS = {
  qv2: { ...lora, target_modules: ['query', 'value'] },
  every2: lora,
  qv6: { ...lora, tail_layers: 'all', target_modules: ['query', 'value'] },
  full2: { method: 'full', rank: 0, alpha: 1, tail_layers: 2 },
}
const ROWS = 32
const TOKENS = 32

const { tf, version } = await openTensorFlow({ threads: Number(threads) })
const config = CONFIGS[shape]
const method = methods[config.method]
const base = viewOf(await openBase({ bert: join(userCache(), 'models', 'minilm') }), method, config)
const labels = ['a', 'b']
const plan = { base, method, config, task: classificationOf(labels), outputs: labels.length }
const random = openRandom(1, 'bench')
const trainable = openTrainable({
  ...plan,
  head: labels,
  tf,
  baseTensors: new BaseTensors(tf, base),
  hyperparameters: { learning_rate: 1e-4, optimizer: 'adam', momentum: 0.9, clip_norm: 1 },
  regularizer: {
    addsNothing: true,
    penalty: () => undefined,
    observe() {},
    snapshot: () => new Map(),
    restore() {},
  },
  parameters: freshAdapter(plan, random),
  ...(engine === 'compiled' && { compiling: { onEager: refuse } }),
})
const width = base.network.latentWidth(cutOf(config.tail_layers, base.network.layers))
const rows = Array.from({ length: ROWS }, (_, at) => ({
  latent: {
    positions: TOKENS,
    width,
    data: Float32Array.from({ length: TOKENS * width }, () => random.normal()),
  },
  target: { kind: 'label', label: labels[at % 2] },
  weight: 1,
}))
const first = cpuTime()
trainable.step(rows)
const firstStepCpuMs = Math.round(first())
for (let at = 0; at < 3; at += 1) trainable.step(rows)
say({ engine, tensorflow: version, threads: Number(threads), firstStepCpuMs })
for await (const line of createInterface({ input: process.stdin })) {
  const [began, cpu] = [performance.now(), cpuTime()]
  for (let at = 0; at < Number(line); at += 1) trainable.step(rows)
  say({ cpuMs: cpu(), wallMs: performance.now() - began })
}
process.exit(0)

function say(facts) {
  process.stdout.write(`${JSON.stringify(facts)}\n`)
}

function refuse(reason) {
  throw new Error(`not compiled: ${reason}`)
}
