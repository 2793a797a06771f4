/**
 * Our side of `lm train`: node train-child.mjs <plan.json> <threads> <way>; then a number of steps a line, answered with their
 * losses and times. `whole` computes the trunk in each step, `kept` has its activations as a trainer has them that replays; both
 * in compiled steps, unless it is `eager`.
 */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { cpuTime } from '../lib/figures.mjs'
import { lmPlan } from './plan.mjs'

const [file, threads, way] = process.argv.slice(2)
const { batches, cut, learning_rate } = JSON.parse(readFileSync(file, 'utf8'))
const { tf, version } = await openTensorFlow({ threads: Number(threads) })
const plan = await lmPlan()
const trunk = await openTrunkEngine(plan.base, cut, { workers: 1, threads: Number(threads) })
const trainable = openTrainable({
  ...plan,
  head: plan.task.start,
  tf,
  baseTensors: new BaseTensors(tf, plan.base),
  hyperparameters: { learning_rate, optimizer: 'adam', momentum: 0.9, clip_norm: 1 },
  ...(!/eager/.test(way) && { compiling: { onEager: refuse } }),
  regularizer: { penalty: () => undefined, observe() {}, snapshot: () => new Map(), restore() {} },
})
const encoded = batches.map((rows) =>
  rows.map(({ ids, answerFrom }) => ({
    data: Int32Array.from(ids),
    sequences: [{ length: ids.length, answerFrom }],
  })),
)
const target = { kind: 'completion', completion: '' }
const latents = async (at) => trunk.encode(encoded[at])
const kept = /kept/.test(way) ? await Promise.all(encoded.map((_, at) => latents(at))) : undefined

let taken = 0
async function step() {
  const at = taken++ % batches.length
  const rows = kept?.[at] ?? (await latents(at))
  return trainable.step(rows.map((latent) => ({ latent, target, weight: 1 }))).loss
}

say({ tensorflow: version, threads: Number(threads) })
for await (const line of createInterface({ input: process.stdin })) {
  const [began, cpu, losses] = [performance.now(), cpuTime(), []]
  for (let at = 0; at < Number(line); at += 1) losses.push(await step())
  say({ cpuMs: cpu(), wallMs: performance.now() - began, losses })
}
process.exit(0)

function say(facts) {
  process.stdout.write(`${JSON.stringify(facts)}\n`)
}

function refuse(reason) {
  throw new Error(`not compiled: ${reason}`)
}
