/**
 * One side of speed-ort: node speed-ort-child.mjs onnxruntime|tensorflow|plain <case> [constant]; then a number of steps a line.
 * A step is forward, loss and backward, without the optimizer, which is the same for all. `constant`: the frozen weights are
 * constants of the ONNX model, which the runtime lays out for itself; otherwise they are fed where they lie.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freshAdapter } from '../../dist/src/adapters/adapter.js'
import { viewOf } from '../../dist/src/adapters/view.js'
import { openBase } from '../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../dist/src/optim/base-tensors.js'
import { padded } from '../../dist/src/optim/batch-input.js'
import { EngineAdapter } from '../../dist/src/optim/engine-adapter.js'
import { lossOf } from '../../dist/src/optim/loss.js'
import { PlainAdapter } from '../../dist/src/optim/plain-adapter.js'
import { recordStep } from '../../dist/src/optim/recorded-step.js'
import { openRandom } from '../../dist/src/platform/random.js'
import { userCache } from '../../dist/src/platform/user-cache.js'
import { methods } from '../../dist/src/plugins.js'
import { cutOf } from '../../dist/src/adapters/target-modules.js'
import { cpuTime } from './figures.mjs'
import { onnxOf } from './onnx-of-step.mjs'
import { classificationOf } from './task.mjs'

const [engine, name, weights = 'fed'] = process.argv.slice(2)
const lora = { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 }
const text = { labels: 2, rows: 32, positions: 32 }
const head = { features: { size: 384, standardise: false }, labels: 77 }
const mlp = { features: { size: 784, standardise: false, hidden: [100, 100], shortcut: false } }
const small = { rank: 0, alpha: 1, tail_layers: 'all' }
const qv2 = { ...text, config: { ...lora, target_modules: ['query', 'value'] } }
const CASES = {
  qv2,
  qv2few: { ...qv2, rows: 4 },
  qv2some: { ...qv2, rows: 8 },
  every2: { ...text, config: lora },
  qv6: {
    ...text,
    config: { ...lora, tail_layers: 'all', target_modules: ['query', 'value'] },
  },
  full2: { ...text, config: { ...small, method: 'full', tail_layers: 2 } },
  head1: { ...head, rows: 1, config: { ...small, method: 'head' } },
  head32: { ...head, rows: 32, config: { ...small, method: 'head' } },
  mlp10: { ...mlp, labels: 10, rows: 10, config: { ...small, method: 'full' } },
  mlp128: { ...mlp, labels: 10, rows: 128, config: { ...small, method: 'full' } },
}

const { features, labels: count, rows: size, positions = 1, config } = CASES[name]
const { tf, version } = await openTensorFlow({ threads: 1 })
const method = methods[config.method]
const opened = await openBase(
  features ? { features } : { bert: join(userCache(), 'models/minilm') },
)
const base = viewOf(opened, method, config)
const labels = Array.from({ length: count }, (_, at) => `label ${at}`)
const task = classificationOf(labels)
const plan = { base, method, config, task, outputs: count }
const random = openRandom(1, 'bench')
// A fresh LoRA has a zero in front of half of its gradients.
const parameters = new Map(
  [...freshAdapter(plan, random)].map(([key, { shape, data }]) => [
    key,
    { shape, data: data.map((value) => value + 0.01 * random.normal()) },
  ]),
)
const width = base.network.latentWidth(cutOf(config.tail_layers, base.network.layers))
const rows = Array.from({ length: size }, (_, at) => ({
  latent: {
    ...{ positions, width },
    data: Float32Array.from({ length: positions * width }, () => random.normal()),
  },
  target: { kind: 'label', label: labels[at % count] },
  weight: 1,
}))
const loss = (some, outputs, into) =>
  lossOf(some, outputs, size, { task, head: labels, statistics: new Map() }, into)

const ENGINES = { onnxruntime: openOrt, tensorflow: openCompiled, plain: openPlain }
const began = cpuTime()
const step = ENGINES[engine]()
const openCpuMs = Math.round(began())
const first = cpuTime()
const found = step()
const firstStepCpuMs = Math.round(first())
for (let at = 0; at < 3; at += 1) step()
say({ engine, ...factsOf(found), openCpuMs, firstStepCpuMs, threads: 1 })
for await (const line of createInterface({ input: process.stdin })) {
  const [started, cpu] = [performance.now(), cpuTime()]
  for (let at = 0; at < Number(line); at += 1) step()
  say({ cpuMs: cpu(), wallMs: performance.now() - started })
}
process.exit(0)

function openCompiled() {
  const adapter = new EngineAdapter({
    // A base of features is left to the plain engine.
    ...{ ...plan, base: { ...base, rows: 'ids' } },
    ...{ tf, baseTensors: new BaseTensors(tf, base), compiling: { onEager: refuse } },
  })
  adapter.load(parameters)
  return () => adapter.gradients(rows, loss, 'bench').gradients
}

function openPlain() {
  const adapter = new PlainAdapter(plan)
  adapter.load(parameters)
  return () => adapter.gradients(rows, loss, 'bench', false).gradients
}

/** The package runs a session in a later turn of the event loop; a step runs at once, so the addon is called itself. */
function openOrt() {
  const require = createRequire(import.meta.url)
  const { Tensor } = require('onnxruntime-node')
  const own = createRequire(require.resolve('onnxruntime-node'))
  const { binding, initOrt } = own('./binding.js')
  initOrt()
  const { model, forward, backward, ...recorded } = recordStep(plan)
  const { hidden, mask } = padded(rows.map(({ latent }) => latent))
  const frozen = new Map([...recorded.weights].map(([key, node]) => [node, base.weights.get(key)]))
  const feeds = new Map([
    ...[...frozen].map(([node, value]) => [node, tensorOf(value)]),
    ...[...recorded.parameters].map(([key, node]) => [node, tensorOf(parameters.get(key))]),
    [recorded.hidden, tensorOf(hidden)],
    [recorded.mask, tensorOf(mask)],
  ])
  function tensorOf({ data, shape }) {
    return new Tensor('float32', data, [...shape])
  }
  const open = (results) => {
    const { bytes } = onnxOf(model, results, weights === 'constant' ? frozen : new Map())
    const session = new binding.InferenceSession()
    session.loadModel(bytes.buffer, 0, bytes.byteLength, {
      ...{ intraOpNumThreads: 1, interOpNumThreads: 1, executionMode: 'sequential' },
      ...{ graphOptimizationLevel: 'all', logSeverityLevel: 3 },
    })
    const inputs = session.inputMetadata.map((input) => input.name)
    // Results of the first step, written over by the next: no memory is taken, and nothing is copied.
    const fetches = Object.fromEntries(results.map((result) => [result, null]))
    return (fed) => {
      const given = Object.fromEntries(inputs.map((input) => [input, fed.get(input)]))
      return Object.assign(fetches, session.run(given, fetches, {}))
    }
  }
  const goForward = open([forward.outputs, ...backward.kept.keys()])
  const goBackward = open(backward.results)
  return () => {
    const kept = goForward(feeds)
    const { data, dims } = kept[forward.outputs]
    const outputs = rows.map((_, at) => data.subarray(at * count, (at + 1) * count))
    const gradient = { data: loss(rows, outputs).gradient, shape: dims }
    const results = goBackward(
      new Map([
        ...feeds,
        ...[...backward.kept].map(([from, to]) => [to, kept[from]]),
        [backward.gradient, tensorOf(gradient)],
      ]),
    )
    return new Map(backward.learned.map((key, at) => [key, results[backward.results[at]].data]))
  }
}

/** The largest difference to a gradient of TensorFlow, over the largest gradient. */
function factsOf(gradients) {
  if (engine === 'tensorflow') return { tensorflow: version }
  let [farthest, largest] = [0, 0]
  for (const [key, wanted] of openCompiled()())
    for (const [at, value] of wanted.entries()) {
      farthest = Math.max(farthest, Math.abs((gradients.get(key)?.[at] ?? NaN) - value))
      largest = Math.max(largest, Math.abs(value))
    }
  return { farthest: Number((farthest / largest).toPrecision(2)) }
}

function refuse(reason) {
  throw new Error(`not compiled: ${reason}`)
}

function say(facts) {
  process.stdout.write(`${JSON.stringify(facts)}\n`)
}
