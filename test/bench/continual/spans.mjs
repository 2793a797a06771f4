/**
 * Spans: the mentions of diseases in sentences of abstracts (NCBI Disease Corpus), in the order of the original split, each sentence
 * learned once. Exact F1 of all spans together on the test sentences, for the product by its config, torch + PEFT for token
 * classification on the same base and with as many steps, and a dictionary. Settings were chosen on the val sentences.
 * Everything runs on one thread.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { PEFT_VERSION, peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { reasonLine, runTool } from '../../../deploy/bootstrap/tool.mjs'
import { parseConfig } from '../../../dist/src/config/config.js'
import { adapterOf, methodOf, openBase } from '../../../dist/src/config/model-parts.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { countsOf, figuresOf, plus } from '../../../dist/src/tasks/spans/quality.js'
import { SpanDictionary } from '../../../dist/src/tasks/spans/dictionary.js'
import { openSpans } from '../../../dist/src/tasks/spans/spans.js'
import { cpuTime, round, spread } from '../lib/figures.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { finish, update } from '../lib/text-learner.mjs'

const MAX_TOKENS = 128
const BATCH = 16
const program = fileURLToPath(new URL('spans-peer.py', import.meta.url))

/** The default until other rates were chosen. */
const constant = { train: { learning_rate: 0.002 }, rate: { policy: 'constant' } }
/** Of the product: what a config says, and `passes`; the rest is its default. */
const ways = {
  'default, one pass': {},
  'default, two passes': { passes: 2 },
  'constant rates, one pass': constant,
  'constant rates without replay, one pass': { ...constant, replay: { policy: 'none' } },
}
const torch = { rate: 0.004, head: 10, maps: ['query', 'key', 'value', 'dense'] }
const peers = {
  'torch + PEFT, one pass': { passes: 1, ...torch },
  'torch + PEFT, two passes': { passes: 2, ...torch },
}

export async function measure({ data, seeds, run, runs, say }) {
  if (data === undefined) throw new Error('spans needs --data, a folder with spans/ncbi_disease')
  const { SPANS_ON: part = 'test', SPANS_ROWS: most = 'all' } = process.env
  const rows = (name) => readRows(join(data, 'spans/ncbi_disease', `${name}.jsonl.gz`), name)
  const taught = most === 'all' ? rows('train') : rows('train').slice(0, Number(most))
  const tested = rows(part)
  const { tf } = await openTensorFlow({ threads: 1 })
  const whole = await openBase('minilm')
  const on = `${part} · ${taught.length} sentences`
  await run(`dictionary · ${on}`, {}, () => dictionary(whole, taught, tested))
  for (const seed of seeds) {
    for (const [name, { passes = 1, ...own }] of Object.entries({ ...ways, ...waysGiven() })) {
      const model = modelOf(own)
      const { adapter, train, replay, trigger } = model
      const rate = own.rate && { rate: own.rate }
      const settings = { adapter, train, replay, trigger, passes, ...rate }
      const all = Array.from({ length: passes }, (_, pass) =>
        taught.map((row) => ({ ...row, key: `${row.key} ${pass}` })),
      )
      await run(`${name} · ${on} · seed ${seed}`, settings, () =>
        learned({ tf, whole, model, seed, taught: all.flat(), tested, say }),
      )
    }
    for (const [name, settings] of Object.entries({ ...peers, ...peersGiven() }))
      if (peftPython() !== undefined)
        await run(`${name} · ${on} · seed ${seed}`, { ...settings, peft: PEFT_VERSION }, () =>
          peer(settings, { taught, tested }, seed),
        )
  }
  return tableOf(runs())
}

/** More ways and peers, to choose among on val: SPANS_WAYS and SPANS_PEERS are JSON as above. */
const waysGiven = () => JSON.parse(process.env.SPANS_WAYS ?? '{}')
const peersGiven = () => JSON.parse(process.env.SPANS_PEERS ?? '{}')

function readRows(path, name) {
  const lines = gunzipSync(readFileSync(path)).toString('utf8').trimEnd().split('\n')
  return lines.map((line, at) => ({ key: `${name}\0${at}`, ...JSON.parse(line) }))
}

function modelOf(settings) {
  const model = {
    ...{ base: 'minilm', task: 'spans', labels: { open: true }, max_tokens: MAX_TOKENS },
    trigger: { policy: 'count', every: BATCH, rest: 0 },
    ...settings,
    train: { epochs: 1, ...settings.train },
  }
  return parseConfig(JSON.stringify({ models: { m: model } }), '/').models.m
}

function openTask(labels) {
  return openSpans({ open: true, known: labels, retired: [], limit: 1024 })
}

function exampleOf(base, task, { key, text, spans }) {
  const input = { kind: 'text', text }
  const encoded = base.encode(input, MAX_TOKENS)
  const row = { ...encoded, offsets: base.offsets(input, encoded) }
  const kept = []
  for (const span of spans) if (isRead(task, [...kept, span], input, row)) kept.push(span)
  const said = task.target({ kind: 'spans', spans: kept }, undefined, [])
  const target = task.placed(said, { input, row })
  return {
    key,
    source: 'stream',
    id: key,
    encoded,
    target,
    weight: 1,
    missed: spans.length - kept.length,
  }
}

/** A span beyond what the base reads, or that shares a token with one before it, is no lesson, and counts as missed. */
function isRead(task, spans, input, row) {
  try {
    task.placed(task.target({ kind: 'spans', spans }, undefined, []), { input, row })
    return true
  } catch (error) {
    if (error.code !== 'SPANS_CUT' && error.code !== 'SPANS_OUTSIDE') throw error
    return false
  }
}

async function learned({ tf, whole, model, seed, taught, tested, say }) {
  const task = openTask([])
  const base = viewOf(whole, methodOf(model), adapterOf(model), task.reads)
  const cut = cutOf(model.adapter.tail_layers, base.network.layers)
  const trunk = await openTrunkEngine(base, cut)
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed, cut, task, limit: 1024, compiling: { onEager: say } },
  })
  const used = cpuTime()
  const latents = new Map()
  for (const row of taught) {
    const example = exampleOf(base, task, row)
    const [latent] = await trunk.encode([example.encoded])
    latents.set(example.key, latent)
    if (learner.accept(example, latents, 0).verdict === 'update') update(learner, latents)
  }
  if (learner.pendingCount > 0) update(learner, latents)
  const cpu = used() / 1000
  const examples = tested.map((row) => exampleOf(base, task, row))
  const scores = []
  for (let from = 0; from < examples.length; from += 64) {
    const some = examples.slice(from, from + 64)
    const own = await trunk.encode(some.map(({ encoded }) => encoded))
    const known = new Map(some.map(({ key }, at) => [key, own[at]]))
    scores.push(...finish(learner.scoring.versionOn(some), known))
  }
  const answers = scores.map(({ answer }) => answer)
  const quality = learner.scoreboard.quality.report()
  const { steps, dropped } = learner.updates.progress
  trainable.dispose()
  await trunk.close()
  return {
    ...figures(examples, answers),
    prequential: round(100 * quality.f1, 2),
    dictionary: round(100 * quality.baselines.dictionary.f1, 2),
    ...{ steps, dropped, cpuSeconds: round(cpu, 1) },
  }
}

/** Spans beyond what the base reads are missed. */
function figures(examples, answers) {
  let counts = [0, 0, 0]
  for (const [at, { target, missed }] of examples.entries()) {
    for (const each of countsOf(answers[at], target.spans).values()) counts = plus(counts, each)
    counts = plus(counts, [0, 0, missed])
  }
  const { precision, recall, f1 } = figuresOf(counts)
  const percent = (share) => round(100 * (share ?? 0), 2)
  return { f1: percent(f1), precision: percent(precision), recall: percent(recall) }
}

function dictionary(base, taught, tested) {
  const task = openTask([])
  const known = new SpanDictionary()
  for (const row of taught) {
    const { encoded, target } = exampleOf(base, task, row)
    known.learn(encoded, target)
  }
  const examples = tested.map((row) => exampleOf(base, task, row))
  return figures(
    examples,
    examples.map(({ encoded }) => known.answer(encoded)),
  )
}

async function peer(settings, rows, seed) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-spans-'))
  const file = join(folder, 'rows.json')
  const asked = { batch: BATCH, max_tokens: MAX_TOKENS, ...settings, seed }
  writeFileSync(file, JSON.stringify({ ...rows, ...asked }))
  const env = { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' }
  const args = [program, file, join(userCache(), 'models', 'minilm')]
  const result = await runTool(peftPython(), args, { env, timeoutSeconds: 7200 })
  rmSync(folder, { recursive: true })
  if (result.code !== 0 || result.stopped) throw new Error(`peer: ${reasonLine(result)}`)
  return JSON.parse(result.output.trim().split('\n').at(-1))
}

/** Test runs first, then those to choose by. */
function tableOf(all) {
  const found = new Map()
  for (const { name, figures } of all) {
    const [way, part, count] = name.split(' · ')
    const key = [part, count.replace(' sentences', ''), way].join('\0')
    found.set(key, [...(found.get(key) ?? []), figures])
  }
  const order = [...found.keys()].sort((one, other) => Number(isVal(one)) - Number(isVal(other)))
  const columns = ['f1', 'precision', 'recall', 'prequential', 'steps', 'cpuSeconds']
  const cell = (runs, figure) => {
    if (runs[0][figure] === undefined) return ''
    return figure === 'steps' ? runs[0].steps : spread(runs.map((each) => each[figure]))
  }
  return {
    columns: [
      ...['on MiniLM', 'asked', 'taught', 'F1', 'precision', 'recall', 'F1 on the way'],
      ...['steps', 'CPU s', 'seeds'],
    ],
    rows: order.map((key) => {
      const [part, count, way] = key.split('\0')
      const runs = found.get(key)
      return [way, part, count, ...columns.map((column) => cell(runs, column)), runs.length]
    }),
    note: 'In % on the sentences of that part after so many of the training sentences: a span is right if both ends and its kind are. "On the way": of answers that were given before their sentence was learned. Mean ± standard deviation over seeds.',
  }
}

const isVal = (key) => key.startsWith('val')
