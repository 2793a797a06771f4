/**
 * Rankings beside Vowpal Wabbit (`cb_explore_adf`): banking77 as a bandit, and logged choices.
 *
 * Texts: a text comes, one of its 77 labels is chosen, and only whether that one is right is learned. Both sides get the same embedding
 * of MiniLM, of unit length, and the label as an item without features. One pass; then the tests, answered by what each likes most.
 * `--data`: a folder with banking77 and clinc150; `--rows`: how many of the 10,003 texts come.
 *
 * Logs: what Thompson sampling showed in the Open Bandit Dataset is learned, and what each would show is estimated on the log of
 * random choices by inverse propensities (CC BY 4.0; fetched by pip).
 *
 * Settings of both sides were chosen by the runs whose names begin with `dev`: 77 intents of clinc150.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pythonWith } from '../../../deploy/bootstrap/python-venv.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { loggedChoices } from '../../../deploy/examples/recommender/logged.mjs'
import { openBase, openTask } from '../../../dist/src/config/model-parts.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { offPolicyReport } from '../../../dist/src/evaluation/off-policy.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods } from '../../../dist/src/plugins.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { banditModel, banditRun } from '../lib/bandit-learner.mjs'
import { round, say, spread } from '../lib/figures.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { latentsOf } from '../lib/text-latents.mjs'
import { update } from '../lib/text-learner.mjs'
import { readTexts, shuffled } from '../lib/text-stream.mjs'

const VOWPAL_WABBIT = '9.11.9'
const HEAD = { method: 'head', rank: 0, alpha: 1, tail_layers: 0 }
/** Intents of clinc150 that the settings are chosen on, and how many of their texts come. */
const DEVELOPMENT = { items: 77, rows: 3000 }
const CAMPAIGN = 'men'

const ours = { 'ranking, by default': {} }
const peers = {
  'Vowpal Wabbit, softmax': { arguments: '--softmax --lambda 50 -l 10', least: -1 },
  'Vowpal Wabbit, flatter softmax': { arguments: '--softmax --lambda 20 -l 10', least: -1 },
  'Vowpal Wabbit, squarecb': { arguments: '--squarecb --gamma_scale 100 -l 10', least: 0 },
}
const development = {
  ours: {
    ...ours,
    'ranking, class-balanced replay': { replay: { policy: 'class-balanced' } },
    'ranking, one pass': { train: { epochs: 1 } },
    'ranking, epsilon-greedy': { exploration: { policy: 'epsilon-greedy', epsilon: 0.05 } },
    'ranking, temperature .05': { exploration: { policy: 'softmax', temperature: 0.05 } },
  },
  peers: Object.fromEntries(
    [
      '--softmax --lambda 50 -l 10',
      '--softmax --lambda 20 -l 10',
      '--softmax --lambda 10 -l 10',
      '--squarecb --gamma_scale 10 -l 10',
      '--squarecb --gamma_scale 100 -l 10',
      '--squarecb --gamma_scale 1000 -l 10',
      '--epsilon 0.02 -l 10',
      '--bag 5 --epsilon 0.02 -l 10',
      '--cover 5 -l 10',
      '--regcbopt --mellowness 0.01 -l 10',
    ].flatMap((words) =>
      [-1, 0].map((least) => [
        `Vowpal Wabbit ${words}, costs from ${least}`,
        { arguments: words, least },
      ]),
    ),
  ),
}

export async function measure({ data, rows: most, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data names the folder of the data sets')
  const { tf } = await openTensorFlow({ threads: 1 })
  const texts = await openTexts(data)
  for (const seed of seeds.slice(0, 1)) {
    const stream = texts.development(seed)
    for (const [name, settings] of Object.entries(development.ours)) {
      const own = { ...settings, ...DEVELOPMENT }
      await run(`dev · ${name} · seed ${seed}`, own, () => textRun(tf, settings, stream, seed))
    }
    for (const [name, settings] of Object.entries(development.peers)) {
      const own = { ...settings, ...DEVELOPMENT, version: VOWPAL_WABBIT }
      await run(`dev · ${name} · seed ${seed}`, own, () => peerOnTexts(settings, stream, seed))
    }
  }
  for (const seed of seeds) {
    const stream = texts.test(seed, most)
    const come = { rows: stream.taught.length }
    for (const [name, settings] of Object.entries(ours)) {
      const work = () => textRun(tf, settings, stream, seed)
      await run(`texts · ${name} · seed ${seed}`, { ...settings, ...come }, work)
    }
    for (const [name, settings] of Object.entries(peers)) {
      const own = { ...settings, ...come, version: VOWPAL_WABBIT }
      await run(`texts · ${name} · seed ${seed}`, own, () => peerOnTexts(settings, stream, seed))
    }
  }
  const log = await loggedChoices(CAMPAIGN)
  const settings = { campaign: CAMPAIGN, taught: log.bts.length, asked: log.random.length }
  await run('logs · any item', settings, () => ({ ips: percent(meanReward(log.random)) }))
  await run("logs · the shop's Thompson sampling", settings, () => ({
    ips: percent(meanReward(log.bts)),
  }))
  for (const seed of seeds) {
    await run(`logs · ranking, by default · seed ${seed}`, settings, () => logRun(tf, log, seed))
    for (const [name, own] of Object.entries(peers)) {
      const given = { ...settings, ...own, version: VOWPAL_WABBIT }
      await run(`logs · ${name} · seed ${seed}`, given, () => peerOnLogs(own, log, seed))
    }
  }
  return tableOf(runs(), most)
}

/** Streams of [vector, item], and the vectors of the tests. */
async function openTexts(data) {
  const whole = await openBase('minilm')
  const base = viewOf(whole, methods.head, HEAD)
  const rowsOf = async (set, part, isWanted = () => true) => {
    const all = readTexts(data, set, part)
    const labels = [...new Set(all.map(({ label }) => label))].sort().filter(isWanted)
    const items = labels.slice(0, DEVELOPMENT.items)
    const rows = all.filter(({ label }) => items.includes(label))
    const latents = await latentsOf(base, base.network.layers, rows)
    return rows.map(({ key, label }) => [ofUnitLength(latents.get(key)), items.indexOf(label)])
  }
  const [chosen, taught, tests] = [
    // Half of the intents of each domain, and two more.
    await rowsOf('clinc150', 'train', (_label, at) => at % 2 === 0 || at < 4),
    await rowsOf('banking77', 'train'),
    await rowsOf('banking77', 'test'),
  ]
  const ordered = (rows, seed) => shuffled(rows, openRandom(seed, 'texts'))
  return {
    development: (seed) => ({
      taught: ordered(chosen, seed).slice(0, DEVELOPMENT.rows),
      tests: [],
    }),
    test: (seed, most) => ({ taught: ordered(taught, seed).slice(0, most), tests }),
  }
}

function ofUnitLength({ data }) {
  const length = Math.hypot(...data)
  return Float32Array.from(data, (value) => value / length)
}

function textRun(tf, settings, { taught, tests }, seed) {
  const [[vector]] = taught
  const model = banditModel(vector.length, DEVELOPMENT.items, settings)
  return banditRun({ tf, model, items: DEVELOPMENT.items, stream: taught, tests, seed })
}

async function peerOnTexts(settings, { taught, tests }, seed) {
  const rows = [...taught, ...tests]
  const [[{ length: width }]] = rows
  const vectors = Buffer.concat(rows.map(([{ buffer }]) => Buffer.from(buffer)))
  const numbered = rows.map(([, item], at) => [at, item])
  const [stream, asked] = [numbered.slice(0, taught.length), numbered.slice(taught.length)]
  const given = { kind: 'texts', width, items: DEVELOPMENT.items, stream, tests: asked }
  const {
    reward,
    late,
    learned,
    cpu_seconds: cpuSeconds,
  } = await peer(settings, given, seed, vectors)
  return { reward: percent(reward), late: percent(late), learned: percent(learned), cpuSeconds }
}

async function logRun(tf, { bts, random }, seed) {
  const [{ context, candidates }] = bts
  const columns = (fields) =>
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'number' ? 'number' : 'category',
    ])
  const side = (fields) => ({ schema: Object.fromEntries(columns(fields)) })
  const base = { pair: { context: side(context), item: side(candidates[0].input) } }
  const model = parseConfig(JSON.stringify({ models: { m: { task: 'ranking', base } } }), '/')
    .models.m
  const opened = await openBase(model.base)
  const task = openTask(model, { labels: 1024 })
  const { learner, trainable } = openTabularLearner(model, opened, { tf, seed, limit: 1024, task })
  const rowOf = (row, item) => {
    const choice = { context: row.context, item: row.candidates[item].input }
    const encoded = opened.encode({ kind: 'choice', choice }, 0)
    const { data } = encoded
    return { encoded, latent: { positions: 1, width: data.length, data } }
  }
  const latents = new Map()
  for (const [at, row] of bts.entries()) {
    const { encoded, latent } = rowOf(row, row.chosen)
    const { propensity, reward } = row
    const target = { place: 0, of: row.candidates.length, propensity, reward, draw: at }
    const key = `showing ${at}`
    latents.set(key, latent)
    const example = { key, id: key, source: 'stream', weight: 1, encoded, target }
    if (learner.accept(example, latents, 0).verdict === 'update') update(learner, latents)
  }
  if (learner.pendingCount > 0) update(learner, latents)
  const choices = random.map((row) => {
    const outputs = trainable.score(row.candidates.map((_, item) => rowOf(row, item).latent))
    const expected = outputs.map((each) => task.choices.scored(each).score)
    return choiceOf(row, expected, expected)
  })
  trainable.dispose()
  return estimates(choices, true)
}

async function peerOnLogs(settings, { bts, random }, seed) {
  const words = (fields) =>
    Object.entries(fields)
      .map(([name, value]) => (typeof value === 'number' ? `${name}:${value}` : `${name}=${value}`))
      .join(' ')
  const rows = ({ context, candidates, ...row }) => ({
    ...row,
    shared: `shared |c ${words(context)}`,
    items: candidates.map(({ id, input }) => `|i id=${id} ${words(input)}`),
  })
  const given = { kind: 'logged', taught: bts.map(rows), asked: random.map(rows) }
  const { bytes } = await peer(settings, given, seed)
  const odds = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)
  let from = 0
  const choices = random.map((row) => {
    const own = odds.subarray(from, (from += row.candidates.length))
    return choiceOf(row, own, new Float64Array(own.length))
  })
  return estimates(choices, false)
}

/** The policy that shows the item with the highest score; of several the first. */
function choiceOf({ chosen, reward, propensity, candidates }, scores, expected) {
  const best = scores.indexOf(Math.max(...scores))
  const odds = candidates.map((_, at) => Number(at === best))
  return { logged: { chosen, reward, odds: candidates.map(() => propensity) }, odds, expected }
}

function estimates(choices, hasModel) {
  const { ips, snips, dr } = offPolicyReport(choices)
  const bounds = (of) => [percent(of.low), percent(of.high)]
  return {
    ...{ ips: percent(ips.value), bounds: bounds(ips), snips: percent(snips) },
    ...(hasModel && { dr: percent(dr.value), drBounds: bounds(dr) }),
  }
}

const program = fileURLToPath(new URL('bandit-vw.py', import.meta.url))

async function peer({ arguments: words, least }, given, seed, vectors) {
  const python = await pythonWith('vowpalwabbit', VOWPAL_WABBIT, say)
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-bandit-'))
  const [file, out, numbers] = ['given.json', 'out.f64', 'vectors.f32'].map((name) =>
    join(folder, name),
  )
  if (vectors !== undefined) writeFileSync(numbers, vectors)
  const asked = { ...given, arguments: `${words} -q ci`, least, seed, out, vectors: numbers }
  writeFileSync(file, JSON.stringify(asked))
  const result = await runTool(python, [program, file], { timeoutSeconds: 7200 })
  if (result.code !== 0 || result.stopped) throw new Error(`Vowpal Wabbit: ${reasonLine(result)}`)
  const figures = JSON.parse(result.output.trim().split('\n').at(-1))
  const found = given.kind === 'logged' ? { bytes: readFileSync(out) } : figures
  rmSync(folder, { recursive: true })
  return found
}

function meanReward(rows) {
  return rows.reduce((sum, { reward }) => sum + reward, 0) / rows.length
}

function percent(value) {
  return round(100 * value)
}

function tableOf(runs, most) {
  const named = (part, name) =>
    runs
      .filter((run) => ` ${run.name} `.startsWith(` ${part} · ${name} `))
      .map((run) => run.figures)
  const cell = (figures, of) => spread(figures.map(of).filter(Number.isFinite), 2)
  const both = [...Object.keys(ours), ...Object.keys(peers)]
  const rows = [...both, 'any item', "the shop's Thompson sampling"].map((name) => {
    const [texts, logs] = [named('texts', name), named('logs', name)]
    return [
      name,
      ...[({ reward }) => reward, ({ late }) => late, ({ learned }) => learned].map((of) =>
        cell(texts, of),
      ),
      cell(texts, ({ cpuSeconds }) => cpuSeconds),
      cell(logs, ({ ips }) => ips),
      cell(logs, ({ snips }) => snips),
    ]
  })
  return {
    columns: [
      ...['a choice among 77 or 34', 'reward on the way', 'in the last quarter'],
      ...['right on the tests', 'CPU seconds', 'logs: clicks by IPS', 'by SNIPS'],
    ],
    rows,
    note: `In %, mean ± standard deviation over seeds; a cell without ± is one run. Texts: the first ${most} of banking77's training texts in an order by the seed, one pass, a label chosen for each, MiniLM; any label earns 1.3. Logs: 10,000 showings of the Open Bandit Dataset (men) taught, 10,000 random ones to estimate on; the bounds are in the kept runs.`,
  }
}
