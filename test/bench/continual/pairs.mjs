/**
 * Pairs of texts: SICK (Marelli et al. 2014), in order and in one pass; accuracy of entailment, neutral and contradiction, and Pearson's
 * correlation of relatedness. `--data`: a folder with pairs/sick/{train,val,test}.jsonl.gz; `--rows`: how many of the 4,500 are taught.
 *
 * Beside it torch with PEFT on the same encoder. Settings were chosen by the runs whose names begin with `dev`, tested on the 500 pairs
 * of the validation set, and so was the rate of the peer.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { PEFT_VERSION, peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { adapterOf, methodOf, openBase, openTask } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { cpuTime, round, spread } from '../lib/figures.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { encodedOf, latentsOf } from '../lib/text-latents.mjs'
import { update } from '../lib/text-learner.mjs'

const LABELS = ['contradiction', 'entailment', 'neutral']
const MODEL = 'minilm'
const ranpac = (ridge, features = 2048) => ({ adapter: { method: 'ranpac', features, ridge } })
const sums = { trigger: { policy: 'count', every: 250, rest: 0 } }
const goals = {
  class: {
    ours: {
      'apart, a head': {},
      'apart, RanPAC': { ...ranpac(3000), ...sums },
      'together, LoRA': { as: 'together' },
    },
    development: {
      'apart, RanPAC, ridge 30': { ...ranpac(30), ...sums },
      'apart, RanPAC, ridge 300': { ...ranpac(300), ...sums },
      'apart, RanPAC, ridge 3000': { ...ranpac(3000), ...sums },
      'apart, RanPAC, ridge 30000': { ...ranpac(30_000), ...sums },
      'apart, a head': { adapter: { method: 'head' } },
      'together, LoRA': { as: 'together' },
    },
  },
  number: {
    ours: {
      'apart, a head': { adapter: { method: 'head' } },
      'together, LoRA': { as: 'together' },
    },
    development: {
      'apart, a head': { adapter: { method: 'head' } },
      'apart, a head, rate × 5': {
        adapter: { method: 'head' },
        train: { head_learning_rate: 0.05 },
      },
      'together, LoRA': { as: 'together' },
    },
  },
}

export async function measure({ data, rows: most, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data names the folder of the data sets')
  const [train, validation, all] = ['train', 'val', 'test'].map((part) => rowsIn(data, part))
  const taught = train.slice(0, most)
  const tests = all.slice(0, Math.max(1000, most))
  const { tf } = await openTensorFlow({ threads: 1 })
  const tested = { taught: taught.length, tested: tests.length }
  for (const [goal, { ours, development }] of Object.entries(goals)) {
    const own = (settings, seed, asked) => () =>
      pairRun({ tf, goal, seed, taught, asked, ...settings })
    for (const [name, settings] of Object.entries(development))
      await run(
        `dev · ${goal} · ${name} · ${taught.length} pairs`,
        { ...settings, taught: taught.length },
        own(settings, 1, validation),
      )
    for (const [name, settings] of Object.entries(ours))
      for (const seed of seeds)
        await run(
          `${goal} · ${name} · ${taught.length} pairs · seed ${seed}`,
          { ...settings, ...tested },
          own(settings, seed, tests),
        )
    await run(
      `${goal} · torch + PEFT · ${taught.length} pairs`,
      { peft: PEFT_VERSION, threads: 1, seeds: seeds.length, ...tested },
      async () => peerRun(goal, { taught, validation, tests }, seeds.length),
    )
    for (const [name, answer] of Object.entries(baselines(taught)))
      await run(`${goal} · ${name} · ${taught.length} pairs`, tested, async () => {
        const said = tests.map(answer)
        return { score: scoreOf(goal, said, tests) }
      })
  }
  return tableOf(runs(), taught.length, tests.length)
}

function rowsIn(data, part) {
  const path = join(data, 'pairs', 'sick', `${part}.jsonl.gz`)
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
  return lines.map((line, at) => ({ key: `${part}-${at}`, ...JSON.parse(line) }))
}

function configOf(goal, { as = 'apart', ...settings }) {
  const model = {
    base: { 'text-pair': { of: MODEL, as } },
    ...(goal === 'class' ? { labels: LABELS } : { task: 'regression' }),
    trigger: { policy: 'count', every: 16, rest: 0 },
    ...settings,
    train: { epochs: 1, ...settings.train },
  }
  return parseConfig(JSON.stringify({ models: { m: model } }), '/').models.m
}

/** Every setting that is left out is the product's default. Answers on the tests are those of the version at the end. */
async function pairRun({ tf, goal, seed, taught, asked, ...settings }) {
  const model = configOf(goal, settings)
  const whole = await openBase(model.base)
  const base = viewOf(whole, methodOf(model), adapterOf(model))
  const cut = cutOf(model.adapter.tail_layers, base.network.layers)
  const task = openTask(model, { labels: 1024 })
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed, cut, limit: 1024, task, compiling: { onEager: () => undefined } },
  })
  const latents = await latentsOf(base, cut, taught)
  const used = cpuTime()
  for (const row of taught) {
    const target = goal === 'class' ? { kind: 'label', label: row.label } : row.value
    const example = {
      ...{ key: row.key, id: row.key, source: 'stream', weight: 1 },
      ...{ encoded: encodedOf(base, row), target },
    }
    if (learner.accept(example, latents, 0).verdict === 'update') update(learner, latents)
  }
  if (learner.pendingCount > 0) update(learner, latents)
  const cpuSeconds = round(used() / 1000, 1)
  const facts = { ...task.facts(trainable.head), ...learner.facts }
  const held = await latentsOf(base, cut, asked)
  const said = []
  for (let from = 0; from < asked.length; from += 128) {
    const some = asked.slice(from, from + 128).map(({ key }) => held.get(key))
    for (const outputs of trainable.score(some))
      said.push(task.decode(outputs, { facts, row: { data: outputs } }))
  }
  trainable.dispose()
  return { score: scoreOf(goal, said, asked), cpuSeconds }
}

/** Accuracy, or Pearson's correlation, in %. */
function scoreOf(goal, said, rows) {
  if (goal === 'class')
    return round(
      (100 * rows.filter(({ label }, at) => said[at].label === label).length) / rows.length,
    )
  const [x, y] = [said.map(({ value }) => value), rows.map(({ value }) => value)]
  const middle = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [a, b] = [middle(x), middle(y)]
  const product = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0)
  const [dx, dy] = [x.map((value) => value - a), y.map((value) => value - b)]
  const spreadOf = Math.sqrt(product(dx, dx) * product(dy, dy))
  return spreadOf === 0 ? 0 : round((100 * product(dx, dy)) / spreadOf)
}

/** What needs no model: the most frequent class, the mean, and the words that both texts share. */
function baselines(taught) {
  const frequent = (rows) => {
    const counts = new Map()
    for (const { label } of rows) counts.set(label, (counts.get(label) ?? 0) + 1)
    return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0] ?? 'neutral'
  }
  const tenth = (row) => Math.floor(9.99 * overlap(row))
  const byTenth = Array.from({ length: 10 }, (_, at) =>
    frequent(taught.filter((row) => tenth(row) === at)),
  )
  return {
    'most frequent, mean': () => ({ label: frequent(taught), value: 0 }),
    'shared words': (row) => ({ label: byTenth[tenth(row)], value: overlap(row) }),
  }
}

function overlap({ text, text_pair }) {
  const words = (of) => new Set(of.toLowerCase().match(/\p{L}+/gu))
  const [one, other] = [words(text), words(text_pair)]
  const both = [...one].filter((word) => other.has(word)).length
  return both / (one.size + other.size - both)
}

const program = fileURLToPath(new URL('pairs-peers.py', import.meta.url))

async function peerRun(goal, parts, seeds) {
  const python = peftPython()
  if (python === undefined) throw new Error('no Hugging Face PEFT: npm run setup -- --with peft')
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-pairs-'))
  const file = join(folder, 'rows.json')
  writeFileSync(file, JSON.stringify(parts))
  const args = [program, file, join(userCache(), 'models', MODEL), goal, String(seeds)]
  const env = { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' }
  const result = await runTool(python, args, { env, timeoutSeconds: 14_400 })
  rmSync(folder, { recursive: true })
  if (result.code !== 0 || result.stopped) throw new Error(`peer: ${reasonLine(result)}`)
  const { rate, scores, cpu_seconds } = JSON.parse(result.output.trim().split('\n').at(-1))
  return { rate, scores: scores.map((score) => round(score)), cpuSeconds: cpu_seconds }
}

function tableOf(runs, taught, tested) {
  const names = Object.entries(goals).flatMap(([goal, { ours }]) =>
    [...Object.keys(ours), 'torch + PEFT', ...Object.keys(baselines([]))].map((name) => [
      goal,
      name,
    ]),
  )
  const rows = names.map(([goal, name]) => {
    const own = runs.filter((run) => run.name.startsWith(`${goal} · ${name} · ${taught} pairs`))
    const all = (of) => own.flatMap(({ figures }) => of(figures)).filter(Number.isFinite)
    return [
      `${goal}: ${name}`,
      spread(all(({ score, scores }) => scores ?? score)),
      spread(all(({ cpuSeconds }) => cpuSeconds)),
    ]
  })
  return {
    columns: ['SICK', 'score', 'CPU seconds'],
    rows,
    note: `Accuracy of the class, and Pearson's correlation of the number, in % on ${tested} test pairs after one pass over the first ${taught} of 4,500 training pairs, mean ± standard deviation over seeds; MiniLM.`,
  }
}
