/**
 * Training of a language model at equal work: SmolLM2-135M, LoRA r 8 on the top four layers, 8 rows × 128 tokens, 64 of them
 * answers, beside torch with PEFT from the same weights; samples per second of CPU time, and the loss of each step.
 *
 *   npm run bench -- lm train [--rounds 5] [--steps 2] [--threads 1,2] [--fresh]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { openBundle } from '../../../dist/src/adapters/peft/bundle.js'
import { recordedConfig } from '../../../dist/src/adapters/recorded-config.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { openChild } from '../lib/children.mjs'
import { machine, median, round, say } from '../lib/figures.mjs'
import { lmFolder } from './folder.mjs'
import { lmPlan, TOP } from './plan.mjs'
import { openResults } from '../lib/results.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const [ROWS, TOKENS, ANSWER, BATCHES, LEARNING_RATE] = [8, 128, 64, 4, 1e-3]

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '5' },
      steps: { type: 'string', default: '2' },
      threads: { type: 'string', default: '1,2' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const [rounds, steps] = [Number(values.rounds), Number(values.steps)]
  const results = openResults('lm-train', {
    machine: machine(),
    fresh: values.fresh,
  })
  const rows = []
  for (const threads of values.threads.split(',').map(Number)) {
    const settings = {
      rows: ROWS,
      tokens: TOKENS,
      answer: ANSWER,
      top: TOP,
      threads,
      rounds,
      steps,
    }
    const figures = await results.run(`${threads} threads`, settings, () =>
      compared({ threads, rounds, steps }),
    )
    rows.push({ threads, ...figures })
  }
  results.show(rows)
  return { rows }
}

async function compared({ threads, rounds, steps }) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-lm-'))
  const { plan, model, adapter } = await written(folder)
  const sides = {}
  for (const way of ['whole', 'kept', 'kept, eager'])
    sides[way] = [process.execPath, [here('train-child.mjs'), plan, `${threads}`, way]]
  const python = peftPython()
  if (python === undefined) say('torch is not measured: no PEFT in the cache, see npm run setup')
  else
    for (const way of ['usual', 'answers', 'kept'])
      sides[`torch ${way}`] = [
        python,
        [here('train.py'), plan, model, adapter, `${threads}`, way],
        { OMP_NUM_THREADS: `${threads}` },
      ]
  const turns = {}
  const facts = {}
  // Each takes 1.5 to 3 GB, so one after the other; CPU time is what a busy machine changes least.
  for (const [name, side] of Object.entries(sides)) {
    const child = await openChild(...side)
    facts[name] = child.facts
    turns[name] = [await child.run(1)]
    for (let at = 0; at < rounds; at += 1) turns[name].push(await child.run(steps))
    await child.stop()
    say(`${name}: ${turns[name].map(({ cpuMs }) => Math.round(cpuMs)).join(', ')} ms of CPU`)
  }
  rmSync(folder, { recursive: true })
  return figuresOf(turns, steps, facts)
}

function figuresOf(turns, steps, facts) {
  const each = (part) =>
    Object.fromEntries(
      // The first step makes what is made once.
      Object.entries(turns).map(([name, all]) => [
        name,
        round(median(all.slice(1).map((turn) => turn[part] / steps)), 1),
      ]),
    )
  const [cpuMs, wallMs] = [each('cpuMs'), each('wallMs')]
  const losses = Object.fromEntries(
    Object.entries(turns).map(([name, all]) => [
      name,
      all.flatMap((turn) => turn.losses.map((loss) => round(loss, 5))),
    ]),
  )
  const over = (times, peer, ours) =>
    times[peer] && times[ours] ? round(times[peer] / times[ours]) : undefined
  const peers = losses['torch answers'] ?? []
  return {
    cpuMs,
    wallMs,
    samplesPerCpuSecond: Object.fromEntries(
      Object.entries(cpuMs).map(([name, ms]) => [name, round((1000 * ROWS) / ms, 1)]),
    ),
    ratio: {
      'whole over torch usual': over(cpuMs, 'torch usual', 'whole'),
      'whole over torch answers': over(cpuMs, 'torch answers', 'whole'),
      'kept over torch usual': over(cpuMs, 'torch usual', 'kept'),
      'kept over torch answers': over(cpuMs, 'torch answers', 'kept'),
      'kept over torch kept': over(cpuMs, 'torch kept', 'kept'),
    },
    lossesApart: Math.max(
      ...peers.map((loss, at) => Math.abs((losses.whole?.[at] ?? Infinity) - loss) / loss),
    ),
    losses,
    facts,
  }
}

/** The batches, the model and the adapter that all sides begin with. */
async function written(folder) {
  const plan = await lmPlan()
  const cut = plan.base.network.layers - TOP
  const file = join(folder, 'plan.json')
  writeFileSync(
    file,
    JSON.stringify({ batches: batchesOf(plan.base.language), cut, learning_rate: LEARNING_RATE }),
  )
  const { base, method, config, task, parameters } = plan
  const files = openBundle({ base, methods, tasks }).write({
    manifest: {
      version: 'v0',
      base: { name: base.name, hash: base.hash },
      task: task.kind,
      facts: task.facts(task.start),
      adapter: recordedConfig(config),
    },
    parameters,
  })
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
  return { plan: file, model: lmFolder(base), adapter: folder }
}

/** Sentences of the UCI set one after the other, cut into rows. */
function batchesOf(language) {
  const path = createRequire(import.meta.url).resolve('sentiment/test/fixtures/imdb.json')
  const sentences = JSON.parse(readFileSync(path, 'utf8')).map(({ text }) => text)
  const ids = [...language.tokens(sentences.join(' '))]
  const row = (at) => ({
    // The last token has nothing to predict: the network sees 128 positions.
    ids: ids.slice(at * (TOKENS + 1), (at + 1) * (TOKENS + 1)),
    answerFrom: TOKENS + 1 - ANSWER,
  })
  return Array.from({ length: BATCHES }, (_, batch) =>
    Array.from({ length: ROWS }, (_, at) => row(batch * ROWS + at)),
  )
}
