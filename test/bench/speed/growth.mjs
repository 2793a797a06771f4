/**
 * How the work for one event, or for one answer, grows with what a model has: events seen, labels, adapters served, examples kept for
 * replay. The exponent is the slope of log time over log size, from the largest two sizes and from all of them: 0 is no growth, 1 is linear.
 *
 *   npm run bench -- speed growth [--rounds 3] [--long] [--only events] [--fresh]
 *
 * CPU time of all threads. `--long`: 10⁶ events also through the whole trainer. Each row is kept in results/speed-growth.json.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { openServingEngine } from '../../../dist/src/serving/engine/engine.js'
import { cpuTime, machine, median, round } from '../lib/figures.mjs'
import { runOnce } from './intake-child.mjs'
import { openResults } from '../lib/results.mjs'
import { modelFor, openTabularLearner } from '../lib/tabular-learner.mjs'
import { labelled } from '../lib/learner.mjs'

const WIDTH = 16
const EVERY = 16
const plain = {
  features: { standardise: false, hidden: [] },
  adapter: { method: 'head' },
  memory: { policy: 'none' },
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '3' },
      long: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      fresh: { type: 'boolean', default: false },
    },
  })
  const rounds = Number(values.rounds)
  const results = openResults('speed-growth', { machine: machine(), fresh: values.fresh })
  const { tf } = await openTensorFlow({ threads: 1 })
  const tables = {
    /** Microseconds of all events together: linear is what may be reached. */
    events: {
      sizes: [1e3, 1e4, 1e5, 1e6],
      what: 'µs for all of so many events',
      work: (count) => usFor(tf, { count, labels: 2, capacity: 1000 }),
    },
    /** The whole trainer: validation, dedupe, event log, checkpoint, versions; updates of 1,024. */
    intake: {
      sizes: values.long ? [1e4, 1e5, 1e6] : [1e4, 1e5],
      what: 'µs an event, from the source to the checkpoint',
      work: async (events) =>
        (await runOnce({ mode: 'features', events, every: 1024, batch: 256 })).cpuMicrosPerEvent,
    },
    labels: {
      sizes: [2, 10, 100, 1000],
      what: 'µs an event',
      work: async (labels) => (await usFor(tf, { count: 2000, labels, capacity: 2000 })) / 2000,
    },
    replay: {
      sizes: [1e2, 1e3, 1e4, 1e5],
      what: 'µs an event, once the buffer is full',
      work: (capacity) => usOfFull(tf, capacity),
    },
    adapters: { sizes: [1, 10, 100, 1000], what: 'µs an answer, 32 a run', work: usOfAnswers },
  }
  for (const [name, table] of Object.entries(tables)) {
    const settings = { sizes: table.sizes, rounds, threads: 1 }
    await results.run(name, settings, () => rowOf(table, rounds), values.only)
  }
  const rows = results.runs().map(({ name, figures }) => ({ of: name, ...figures }))
  results.show(rows)
  return { threads: 1, rounds, rows }
}

async function rowOf({ sizes, what, work }, rounds) {
  const found = sizes.map(() => [])
  await work(sizes[0])
  for (let at = 0; at < rounds; at += 1)
    // The largest size is measured once: it takes as long as all others together.
    for (const [place, size] of sizes.entries())
      if (at === 0 || place < sizes.length - 1) found[place].push(await work(size))
  const times = found.map((all) => round(median(all), 1))
  return { what, sizes, times, ...exponents(sizes, times) }
}

/** Least squares over all sizes, and the last two alone. */
function exponents(sizes, times) {
  const points = sizes.map((size, at) => [Math.log(size), Math.log(times[at])])
  const mean = (axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0)
  const under = points.reduce((sum, [a]) => sum + (a - x) ** 2, 0)
  const [last, before] = [points.at(-1), points.at(-2)]
  return {
    exponent: round(over / under),
    exponentAtTheEnd: round((last[1] - before[1]) / (last[0] - before[0])),
  }
}

/** Microseconds of CPU for `count` events, an update for each sixteen. */
async function usFor(tf, { count, labels, capacity }) {
  const { learn } = await openStream(tf, { labels, capacity })
  const cpu = cpuTime()
  learn(count)
  return 1000 * cpu()
}

async function usOfFull(tf, capacity) {
  const { learn, fill } = await openStream(tf, { labels: 2, capacity })
  fill(capacity)
  const measured = 1000
  const cpu = cpuTime()
  learn(measured)
  return (1000 * cpu()) / measured
}

async function openStream(tf, { labels, capacity }) {
  const random = openRandom(1, 'growth')
  const replay = { policy: 'reservoir', capacity, bytes: 2 ** 30 }
  const settings = { ...plain, replay, trigger: { policy: 'count', every: EVERY } }
  const model = modelFor(WIDTH, settings)
  const base = await openBase(model.base)
  const { learner } = openTabularLearner(model, base, { tf, seed: 1, limit: 1024 })
  const latentsOf = (examples) =>
    new Map(
      examples.map(({ key, encoded: { data } }) => [
        key,
        { positions: 1, width: data.length, data },
      ]),
    )
  let at = 0
  const next = () => {
    const features = Array.from({ length: WIDTH }, () => random.normal())
    const encoded = base.encode({ kind: 'features', features }, 0)
    // Every label comes early, so that all of them are there for most of the stream.
    const label = at < labels ? at : random.below(labels)
    at += 1
    return labelled(`stream\0${at}`, encoded, `label ${label}`)
  }
  const update = () => {
    const told = learner.update()
    for (let step = told.next(); step.done !== true;) step = told.next(latentsOf(step.value))
  }
  const learn = (count) => {
    for (let done = 0; done < count; done += 1) {
      const example = next()
      if (learner.accept(example, latentsOf([example]), 0).verdict === 'update') update()
    }
  }
  /** In large updates, which cost least. */
  const fill = (count) => {
    for (let done = 0; done < count; done += 1) {
      const example = next()
      learner.accept(example, latentsOf([example]), 0)
      if (done % 1024 === 1023) update()
    }
    update()
  }
  return { learn, fill }
}

/** `count` adapters, each row of a run by another one. */
async function usOfAnswers(count) {
  const base = await openBase({ features: { size: WIDTH, standardise: false } })
  const config = { method: 'head', rank: 0, alpha: 1, tail_layers: 0 }
  const labels = ['a', 'b']
  const plan = { base, method: methods.head, task: tasks.classification, config, outputs: 2 }
  const parameters = freshAdapter(plan, openRandom(1, 'bench'))
  const manifest = {
    ...{ model: 'bench', version: 'v0', base: { name: base.name, hash: base.hash } },
    ...{ task: 'classification', facts: { labels }, adapter: config },
  }
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  for (let at = 0; at < count; at += 1) await engine.load(`v${at}`, { manifest, parameters })
  const random = openRandom(1, 'rows')
  const runs = 60
  const row = () => ({
    adapter: `v${random.below(count)}`,
    encoded: {
      data: Float32Array.from({ length: WIDTH }, () => random.normal()),
    },
  })
  const batch = () => Array.from({ length: 32 }, row)
  for (let at = 0; at < 10; at += 1) await engine.run(batch())
  const cpu = cpuTime()
  for (let at = 0; at < runs; at += 1) await engine.run(batch())
  const us = (1000 * cpu()) / (runs * 32)
  await engine.close()
  return us
}
