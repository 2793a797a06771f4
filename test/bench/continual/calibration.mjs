/**
 * Whether scores are probabilities: the expected calibration error (15 bins) with the temperature and without it, of the
 * whole stream (each example tested before it was learned), and of the last version on texts that it never learned.
 *
 *   node test/bench/continual/calibration.mjs [--data <folder>] [--seeds 3] [--only <words of a run's name>] [--fresh]
 *
 * The demo's sentences, a fifth of them held out, on use-lite; with `--data`, banking77 on MiniLM: four fifths of its
 * training texts, and the other fifth held out. No test set is opened. Each run is kept in results/calibration.json.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { CalibrationBins } from '../../../dist/src/tasks/classification/quality-window.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { finish, machine, mean, spread } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'
import { encodedOf, latentsOf } from '../lib/text-latents.mjs'
import { adapterOf, learn, openTextLearner, seenBy } from '../lib/text-learner.mjs'
import { shuffled, streamOf, tasksOf } from '../lib/text-stream.mjs'
import { classificationOf, labelled } from '../lib/learner.mjs'
import { openMiniLm } from './text.mjs'
import { validationOf } from './chosen-text.mjs'
import { sentences } from '../lib/texts.mjs'
import { render } from '../lib/render.mjs'

/** An answer with a lower score is unsure. */
const THRESHOLD = 0.8
const replay = { policy: 'reservoir', capacity: 2000 }
const head = { adapter: { method: 'head' }, replay }
const lora = { adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 'all' }, replay }
const ranpac = { adapter: { method: 'ranpac', features: 1024, depth: 2 }, every: 256 }
const balanced = { ...ranpac, adapter: { ...ranpac.adapter, balance: 0.5 } }

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    only: { type: 'string', multiple: true },
    fresh: { type: 'boolean', default: false },
  },
})
const startedOn = machine()
const results = openResults('calibration', {
  machine: startedOn,
  fresh: values.fresh,
})
const seeds = Array.from({ length: Number(values.seeds) }, (_, at) => 1 + at)

const rows = []
const { tf } = await openTensorFlow({ threads: 1 })
const useLite = await openBase('use-lite')
const uploaded = new Map()
const sites = ['yelp', 'amazon', 'imdb']
const read = sentences().map((row, at) => ({ ...row, key: `k${String(at).padStart(5, '0')}` }))
for (const [name, settings] of Object.entries({ 'LoRA, all layers': lora, head }))
  await measured(`demo on use-lite · ${name}`, settings, (seed) => ({
    base: useLite,
    engine: (seen) => ({ tf, baseTensors: once(uploaded, seen, () => new BaseTensors(tf, seen)) }),
    ...demoStream(openRandom(seed, 'calibration/demo')),
  }))
if (values.data !== undefined) {
  const { base, engine } = await openMiniLm()
  const { train, test } = validationOf(values.data, 'banking77')
  const orders = {
    'labels mixed': (random) => shuffled(train, random),
    'label after label': (random) => streamOf(train, tasksOf(train, 'banking77'), random).flat(),
  }
  for (const [name, settings] of Object.entries({ head, ranpac, 'ranpac with balance': balanced }))
    for (const [order, ordered] of Object.entries(orders))
      await measured(`banking77 on MiniLM · ${name}, ${order}`, settings, (seed) => ({
        ...{ base, engine, heldOut: test },
        stream: ordered(openRandom(seed, 'calibration/banking77')),
      }))
}

const table = {
  columns: [
    'stream · adapter',
    'accuracy',
    'ECE without',
    'ECE with',
    'temperature',
    'held out: accuracy',
    'ECE without',
    'ECE with',
    `sure (score ≥ ${THRESHOLD})`,
    'right of these',
  ],
  rows,
  note: 'In %, mean ± standard deviation over seeds. ECE with and without the temperature; 15 bins. Held out: what the last version answers on texts that it never learned.',
}
results.show(table)
await render()
finish('calibration', startedOn, { seeds: seeds.length, threads: 1, table })
process.exit(0)

async function measured(name, settings, open) {
  const runs = []
  for (const seed of seeds) {
    const work = () => trial({ ...open(seed), settings, seed })
    const run = await results.run(`${name} · seed ${seed}`, settings, work, values.only)
    if (run !== undefined) runs.push(run)
  }
  if (runs.length === 0) return
  const cell = (pick) => spread(runs.map((run) => 100 * pick(run)))
  rows.push([
    name,
    cell(({ accuracy }) => accuracy),
    cell(({ ece_uncalibrated }) => ece_uncalibrated),
    cell(({ ece }) => ece),
    mean(runs.map(({ temperature }) => temperature)).toFixed(2),
    cell(({ heldOut }) => heldOut.accuracy),
    cell(({ heldOut }) => heldOut.ece_uncalibrated),
    cell(({ heldOut }) => heldOut.ece),
    cell(({ heldOut }) => heldOut.sure),
    cell(({ heldOut }) => heldOut.sure_accuracy),
  ])
}

async function trial({ base: whole, engine, stream, heldOut, settings, seed }) {
  const base = seenBy(whole, settings)
  const cut = cutOf(adapterOf(settings).tail_layers, base.network.layers)
  // In one order, so that the cache knows them again.
  const all = [...stream, ...heldOut].sort((a, b) => (a.key < b.key ? -1 : 1))
  const latents = await latentsOf(base, cut, all)
  const { learner, trainable } = openTextLearner({ engine: engine(base), base, settings, seed })
  const examples = stream.map(({ key, label, ...row }) =>
    labelled(key, encodedOf(base, row), label),
  )
  learn(learner, examples, latents)
  const { accuracy, calibration } = learner.scoreboard.quality.report()
  const { temperature, ece, ece_uncalibrated } = calibration
  const answered = answersOn({ learner, trainable, heldOut, latents })
  trainable.dispose()
  return { events: stream.length, accuracy, temperature, ece, ece_uncalibrated, heldOut: answered }
}

/** As a server answers them with the facts of the version. */
function answersOn({ learner, trainable, heldOut, latents }) {
  const task = classificationOf([], { open: true })
  const { calibration, ...plain } = learner.facts
  const [bins, without] = [new CalibrationBins(), new CalibrationBins()]
  let [right, sure, sureRight] = [0, 0, 0]
  for (let from = 0; from < heldOut.length; from += 128) {
    const some = heldOut.slice(from, from + 128)
    const logits = trainable.score(some.map(({ key }) => latents.get(key)))
    for (const [at, { label }] of some.entries()) {
      const answer = task.decode(logits[at], { facts: { ...plain, calibration } })
      const isRight = answer.label === label
      bins.observe(answer.score, isRight)
      without.observe(task.decode(logits[at], { facts: plain }).score, isRight)
      right += Number(isRight)
      sure += Number(answer.score >= THRESHOLD)
      sureRight += Number(isRight && answer.score >= THRESHOLD)
    }
  }
  return {
    rows: heldOut.length,
    accuracy: right / heldOut.length,
    ece: bins.report().ece,
    ece_uncalibrated: without.report().ece,
    sure: sure / heldOut.length,
    sure_accuracy: sureRight / Math.max(1, sure),
  }
}

/** Site after site, as in the demo. */
function demoStream(random) {
  const parts = sites.map((site) =>
    shuffled(
      read.filter((row) => row.site === site),
      random,
    ),
  )
  const held = (part) => Math.floor(part.length / 5)
  return {
    heldOut: parts.flatMap((part) => part.slice(0, held(part))),
    stream: parts.flatMap((part) => part.slice(held(part))),
  }
}

function once(known, key, make) {
  if (!known.has(key)) known.set(key, make())
  return known.get(key)
}
