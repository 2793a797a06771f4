/**
 * Pictures that are taught in an order: solar cells (ELPV, fetched from PyPI), monocrystalline before polycrystalline ones; and residuals
 * of made pictures, four manipulations before a new one. Beside ours torch and PEFT on the same values at the cut.
 *
 * Defaults, and the rates of the peers, were chosen by the runs whose names begin with `dev`, on other pictures than those of the tests.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PEFT_VERSION, peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { auc, odds } from '../../../deploy/examples/manipulated-pictures/odds.mjs'
import { CLEAN, KNOWN, NEW } from '../../../deploy/examples/manipulated-pictures/rows.mjs'
import { KINDS } from '../../../deploy/examples/solar-cells/rows.mjs'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { adapterOf, methodOf, openBase, openTask } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { cpuTime, mean, round, say, spread } from '../lib/figures.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { learn } from '../lib/text-learner.mjs'
import { cellStream, encoded, manipulationStream } from './pictures-rows.mjs'

const MODEL = 'efficientnet-lite0'
/** Above the cut: the last block, and the features over it. */
const LAYERS = 2
const ranpac = (ridge) => ({
  adapter: {
    ...{ method: 'ranpac', features: 2048, depth: 1, projection: 'orthogonal', balance: 0.5 },
    ridge,
  },
  trigger: { policy: 'count', every: 256, rest: 0 },
})
const steps = (adapter, train) => ({
  adapter,
  train,
  trigger: { policy: 'count', every: 16, rest: 0 },
})
const full = { method: 'full', tail_layers: LAYERS }
const slow = { learning_rate: 0.0003, head_learning_rate: 0.01, epochs: 2, average: 0.9 }
const development = {
  'RanPAC, ridge 30': ranpac(30),
  'RanPAC, ridge 100': ranpac(100),
  'RanPAC, ridge 300': ranpac(300),
  'RanPAC, ridge 1000': ranpac(1000),
  'RanPAC, ridge 3000': ranpac(3000),
  head: steps({ method: 'head' }, { epochs: 2 }),
  'norm, two layers': steps({ method: 'norm', tail_layers: LAYERS }, { epochs: 2, average: 0.9 }),
  'LoRA, two layers': steps({ method: 'lora', tail_layers: LAYERS }, { epochs: 2, average: 0.9 }),
  'full, two layers': steps(full, slow),
}
const ours = {
  default: { trigger: { policy: 'count', every: 256, rest: 0 } },
  'full, two layers, as the example': {
    ...{ adapter: full, train: slow, rate: { policy: 'inverse-sqrt' } },
    trigger: { policy: 'count', every: 64, rest: 0 },
  },
}
/** Learning rates that are tried on development pictures. */
const peers = {
  'torch + PEFT, LoRA in two layers': { method: 'lora', rates: [0.001, 0.003, 0.01] },
  'torch, two layers whole': { method: 'full', rates: [0.0001, 0.0003, 0.001] },
}
const sets = {
  cells: { stream: cellStream, figures: cellFigures },
  manipulations: { stream: manipulationStream, figures: manipulationFigures },
}

export async function measure({ seeds, run, runs }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  for (const [set, { stream, figures }] of Object.entries(sets)) {
    const drawn = onceEach(async (seed) => encoded(await openBase(MODEL), await stream(seed)))
    for (const [name, settings] of Object.entries(development))
      await run(`dev · ${set} · ${name}`, settings, async () => {
        const rows = await drawn('dev')
        const { answers, cpuSeconds } = await learned({ tf, settings, seed: 1, ...rows })
        return { accuracy: accuracyOf(rows.asked, answers.at(-1)), cpuSeconds }
      })
    for (const [name, settings] of Object.entries(ours))
      for (const seed of seeds)
        await run(`${set} · ${name} · seed ${seed}`, settings, async () => {
          const rows = await drawn(seed)
          const { answers, cpuSeconds } = await learned({ tf, settings, seed, ...rows })
          return { ...figures(rows.asked, answers), cpuSeconds }
        })
    for (const [name, settings] of Object.entries(peers)) {
      const facts = { ...settings, peft: PEFT_VERSION, threads: 1 }
      const chosen = await run(`dev · ${set} · ${name}`, facts, async () =>
        rateOf(await drawn('dev'), settings),
      )
      for (const seed of seeds)
        await run(`${set} · ${name} · seed ${seed}`, { ...facts, rate: chosen?.rate }, async () => {
          const rows = await drawn(seed)
          const { answers, cpuSeconds } = await peerRun(rows, settings.method, chosen.rate, seed)
          return { ...figures(rows.asked, answers), cpuSeconds }
        })
    }
  }
  return tableOf(runs(), seeds)
}

/** Made, and through the trunk, when the first run needs them; one draw is held at a time. */
function onceEach(make) {
  let held = {}
  return async (seed) => {
    if (held.seed !== seed) held = { seed, rows: await make(seed) }
    return held.rows
  }
}

function modelOf(settings, labels) {
  const model = { base: MODEL, labels, ...settings }
  return parseConfig(JSON.stringify({ models: { m: model } }), '/').models.m
}

/** The answers to what is asked after each phase, label → probability, by the version at its end. */
async function learned({ tf, settings, seed, phases, asked, base: whole, latents: latentsAt }) {
  const labels = [...new Set(phases.flat().map(({ label }) => label))].sort()
  const model = modelOf(settings, phases.length === 1 ? { open: true } : labels)
  const base = viewOf(whole, methodOf(model), adapterOf(model))
  const cut = cutOf(model.adapter.tail_layers, base.network.layers)
  const task = openTask(model, { labels: 1024 })
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed, cut, limit: 1024, task, compiling: { onEager: () => undefined } },
  })
  const latents = await latentsAt(base, cut)
  let cpuSeconds = 0
  const answers = []
  for (const phase of phases) {
    const used = cpuTime()
    learn(learner, phase.map(exampleOf), latents)
    cpuSeconds += used() / 1000
    const facts = { ...task.facts(trainable.head), ...learner.facts }
    const answerTo = ({ key }) => {
      const [data] = trainable.score([latents.get(key)])
      return task.decode(data, { facts, row: { data } })
    }
    answers.push(asked.map(answerTo))
  }
  trainable.dispose()
  return { answers, cpuSeconds: round(cpuSeconds, 1) }
}

function exampleOf({ key, encoded: row, label }) {
  const target = { kind: 'label', label }
  return { key, id: key, source: 'stream', weight: 1, encoded: row, target }
}

/** The rate with the most right answers on development pictures. */
async function rateOf(rows, { method, rates }) {
  const tried = {}
  for (const rate of rates) {
    const { answers } = await peerRun(rows, method, rate, 1)
    tried[rate] = accuracyOf(rows.asked, answers.at(-1))
  }
  return { rate: rates.reduce((best, rate) => (tried[rate] > tried[best] ? rate : best)), tried }
}

const program = fileURLToPath(new URL('pictures-peers.py', import.meta.url))

/** On the values at our cut: what the peer reads is what our step reads. */
async function peerRun({ phases, asked, base, latents: latentsAt }, method, rate, seed) {
  const python = peftPython()
  if (python === undefined) throw new Error('no Hugging Face PEFT: npm run setup -- --with peft')
  const latents = await latentsAt(base, base.network.layers - LAYERS)
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-pictures-'))
  const places = new Map()
  const values = [...latents].map(([key, { data }], at) => {
    places.set(key, at)
    return data
  })
  writeFileSync(join(folder, 'latents.f32'), Buffer.concat(values.map(bytesOf)))
  const rowsOf = (rows) => rows.map(({ key, label }) => ({ at: places.get(key), label }))
  const given = { phases: phases.map(rowsOf), asked: rowsOf(asked), method, rate, seed }
  writeFileSync(join(folder, 'rows.json'), JSON.stringify(given))
  const weights = join(userCache(), 'models', MODEL, 'model.safetensors')
  const env = { ...process.env, OMP_NUM_THREADS: '1' }
  const result = await runTool(python, [program, folder, weights], { env, timeoutSeconds: 7200 })
  if (result.code !== 0 || result.stopped) throw new Error(`peer: ${reasonLine(result)}`)
  const answers = JSON.parse(readFileSync(join(folder, 'answers.json'), 'utf8'))
  rmSync(folder, { recursive: true })
  const { cpu_seconds } = JSON.parse(result.output.trim().split('\n').at(-1))
  const answerOf = (scores) => {
    const [[label]] = Object.entries(scores).sort(([, one], [, other]) => other - one)
    return { label, scores }
  }
  return { answers: answers.map((all) => all.map(answerOf)), cpuSeconds: cpu_seconds }
}

function bytesOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function accuracyOf(asked, answers) {
  const right = asked.filter(({ label }, at) => answers[at].label === label)
  return round((100 * right.length) / asked.length, 1)
}

function cellFigures(asked, answers) {
  const first = (after) => {
    const own = asked.map((row, at) => [row, after[at]]).filter(([{ kind }]) => kind === KINDS[0])
    return accuracyOf(
      own.map(([row]) => row),
      own.map(([, answer]) => answer),
    )
  }
  const [before, end] = answers
  const forgotten = round(first(before) - first(end), 1)
  return { accuracy: accuracyOf(asked, end), forgotten }
}

/** AUC of the odds of each kind: of the new one, of the old ones in the mean, and what the one of them that suffers most has lost. */
function manipulationFigures(asked, answers) {
  const aucOf = (after, kind) => {
    const of = (label) =>
      after.filter((_, at) => asked[at].label === label).map(({ scores }) => scores)
    return 100 * auc(odds(of(CLEAN), kind), odds(of(kind), kind))
  }
  const [before, end] = answers
  const lost = KNOWN.map((kind) => aucOf(before, kind) - aucOf(end, kind))
  return {
    ...{
      fresh: round(aucOf(end, NEW), 1),
      old: round(mean(KNOWN.map((kind) => aucOf(end, kind))), 1),
    },
    lost: round(Math.max(...lost), 1),
  }
}

function tableOf(runs, seeds) {
  const names = [...Object.keys(ours), ...Object.keys(peers)]
  const cellsOf = (set, name, figures) => {
    const all = seeds.flatMap((seed) => {
      const run = runs.find((one) => one.name === `${set} · ${name} · seed ${seed}`)
      return run === undefined ? [] : [run.figures]
    })
    return figures.map((figure) => spread(all.map((one) => one[figure])))
  }
  const columns = {
    cells: ['accuracy', 'forgotten', 'cpuSeconds'],
    manipulations: ['fresh', 'old', 'lost', 'cpuSeconds'],
  }
  return {
    columns: [
      ...['method', 'cells: right, %', 'forgotten', 'CPU seconds'],
      ...[
        'manipulations: AUC of the new one',
        'of the old ones',
        'most lost by one',
        'CPU seconds',
      ],
    ],
    rows: names.map((name) => [
      name,
      ...Object.entries(columns).flatMap(([set, figures]) => cellsOf(set, name, figures)),
    ]),
    note: 'Mean ± standard deviation over seeds, two passes for what steps; CPU seconds are of what learns above the cut, one thread.',
  }
}
