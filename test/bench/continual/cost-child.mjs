/**
 * One adapter in a process of its own, driven by `cost.mjs`: told what it is, it makes itself ready, steps when it
 * is asked to, and says at the end what that took. Trains as a trainer does: compiled steps, one thread, a small heap.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { freshAdapter, specsOf } from '../../../dist/src/adapters/adapter.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { openServingEngine } from '../../../dist/src/serving/engine/engine.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openBundle } from '../../../dist/src/adapters/peft/bundle.js'
import { keepHeapSmall } from '../../../dist/src/trainer/process/priority.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { cpuTime, median } from '../lib/figures.mjs'
import { classificationOf } from '../lib/learner.mjs'

const hyperparameters = { learning_rate: 0.001, optimizer: 'adam', momentum: 0.9, clip_norm: 1 }
const regularizer = {
  penalty: () => undefined,
  observe() {},
  snapshot: () => new Map(),
  restore() {},
}
const SWAPS = 9
let state
const [stepTimes, versionTimes] = [[], []]

const answers = { open, steps, finish }
process.on('message', async ({ kind, ...told }) => process.send(await answers[kind](told)))

async function open({ folder, config, labels, rows, seed }) {
  keepHeapSmall()
  const { tf } = await openTensorFlow({ threads: 1 })
  const base = await openBase({ bert: folder })
  const method = methods[config.method]
  const task = classificationOf(labels)
  const view = viewOf(base, method, config)
  const plan = { base: view, method, task, config, outputs: labels.length }
  // What the engine takes once, whatever it trains.
  tf.tidy(() => tf.matMul(tf.ones([8, 8]), tf.ones([8, 8])).dataSync())
  await settle()
  const before = process.memoryUsage.rss()
  forgetPeak()
  const trainable = openTrainable({
    ...{ ...plan, head: labels, tf, hyperparameters, regularizer, compiling: { onEager: refuse } },
    baseTensors: new BaseTensors(tf, plan.base),
    parameters: freshAdapter(plan, openRandom(seed, 'cost/adapter')),
  })
  state = { base, plan, labels, trainable, rows, before, at: 0 }
  const sizeOf = (specs) =>
    specs.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  const all = sizeOf(specsOf(plan))
  const head = sizeOf(task.parameters(plan.base.network.width, labels.length))
  return { own: all - head, head }
}

/** `fresh` new rows a step and as many replayed ones, where the method rehearses. */
function steps({ count, fresh, isCounted }) {
  const { trainable, rows, plan } = state
  const replayed = plan.method.open(plan.config).closedForm === undefined ? fresh : 0
  for (let step = 0; step < count; step += 1) {
    const batch = Array.from({ length: fresh + replayed }, (_, at) => ({
      ...rows[(state.at + at) % rows.length],
      ...(at >= fresh && { isReplayed: true }),
    }))
    state.at += fresh
    const taken = cpuTime()
    const { dropped } = trainable.step(batch)
    if (dropped) throw new Error('a step was dropped')
    if (isCounted) stepTimes.push(taken())
  }
  const taken = cpuTime()
  state.files = bundleOf(state.base).write(version())
  if (isCounted) versionTimes.push(taken())
  return {}
}

async function finish() {
  const growth = peak() - state.before
  const bytes = [...state.files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
  const swap = await swapIn()
  return {
    ...{ bytes, growth, swapMs: swap },
    stepMs: median(stepTimes),
    versionMs: median(versionTimes),
  }
}

/** Into an engine that has answered with another version of this kind. */
async function swapIn() {
  const engine = await openServingEngine({ base: state.base, methods, tasks, workers: 1 })
  await engine.load('v0', version())
  const times = []
  for (let swap = 1; swap <= SWAPS; swap += 1) {
    const next = version()
    const taken = cpuTime()
    await engine.load(`v${swap}`, next)
    times.push(taken())
  }
  await engine.close()
  return median(times)
}

function refuse(reason) {
  throw new Error(`the step is not compiled: ${reason}`)
}

const bundleOf = (base) => openBundle({ base, methods, tasks })

function version() {
  const { base, plan, labels, trainable } = state
  const { config: adapter, task } = plan
  const manifest = {
    ...{ model: 'bench', version: 'v0', base: { name: base.name, hash: base.hash } },
    ...{ task: task.kind, facts: { labels }, adapter },
  }
  return { manifest, parameters: trainable.parameters() }
}

/** What loading left behind goes first, some of it in threads of its own. */
async function settle() {
  for (let turn = 0; turn < 4; turn += 1) {
    globalThis.gc()
    await sleep(250)
  }
}

/** Linux counts the peak anew from here on. */
function forgetPeak() {
  writeFileSync('/proc/self/clear_refs', '5')
}

function peak() {
  const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
  return Number(kibibytes) * 1024
}
