/**
 * The serving engine by itself, without HTTP: node test/bench/engine.mjs, after npm run build. One worker; milliseconds, median and
 * fastest. Adapters take turns within each round, so that a busy machine slows all of them alike. The last line is JSON.
 */
import { freshAdapter } from '../../dist/src/adapters/adapter.js'
import { openBase } from '../../dist/src/config/model-parts.js'
import { methods, tasks } from '../../dist/src/plugins.js'
import { openRandom } from '../../dist/src/platform/random.js'
import { openServingEngine } from '../../dist/src/serving/engine/engine.js'

const base = await openBase(process.argv[2] ? { bert: process.argv[2] } : 'use-lite')
const rounds = 12
const runsPerRound = 10

const adapters = {
  head: { method: 'head', tail_layers: 0, rank: 0, alpha: 1 },
  'lora, top layer': { method: 'lora', tail_layers: 1, rank: 8, alpha: 16 },
  'lora, all layers': { method: 'lora', tail_layers: 'all', rank: 8, alpha: 16 },
}

const mebibytes = () => Math.round(process.memoryUsage.rss() / 2 ** 20)
const before = mebibytes()
const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
const loadMs = {}
for (const name of [...Object.keys(adapters), 'lora, all layers, again']) {
  const config = adapters[name] ?? adapters['lora, all layers']
  const start = performance.now()
  await engine.load(name, versionOf(config))
  loadMs[name] = round(performance.now() - start)
}

const measured = {}
for (const [shape, rows] of [
  ['1 x 16 tokens', 1],
  ['8 x 16 tokens', 8],
  ['32 x 16 tokens', 32],
]) {
  const mixed = (at) => (at % 2 ? 'lora, all layers' : 'lora, all layers, again')
  const ways = Object.fromEntries(Object.keys(adapters).map((name) => [name, () => name]))
  measured[shape] = await compare({ ...ways, 'lora, two adapters in one run': mixed }, rows)
}
await engine.close()

const result = { base: base.name, loadMs, mebibytes: mebibytes() - before, measured }
process.stdout.write(`${JSON.stringify(result, null, 2)}\n${JSON.stringify(result)}\n`)

async function compare(ways, rows) {
  const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]))
  for (let at = 0; at < rounds; at += 1)
    for (const [name, adapterOf] of Object.entries(ways))
      for (let run = 0; run < runsPerRound; run += 1) times[name].push(await timed(adapterOf, rows))
  const reference = median(times.head)
  return Object.fromEntries(
    Object.entries(times).map(([name, all]) => [
      name,
      {
        p50: round(median(all)),
        fastest: round(Math.min(...all)),
        toHead: round(median(all) / reference),
      },
    ]),
  )
}

async function timed(adapterOf, rows) {
  const batch = Array.from({ length: rows }, (_, at) => ({
    adapter: adapterOf(at),
    encoded: row(at),
  }))
  const start = performance.now()
  await engine.run(batch)
  return performance.now() - start
}

/** 16 tokens, no two rows alike. */
function row(at) {
  const ids = Int32Array.from(
    { length: 16 },
    (_, token) => 200 + ((token * 7919 + at * 104729) % 7000),
  )
  return { data: ids }
}

function versionOf(config) {
  const plan = { base, method: methods[config.method], task: tasks.classification, config }
  const labels = ['negative', 'positive']
  const parameters = freshAdapter({ ...plan, outputs: labels.length }, openRandom(1, 'bench'))
  const manifest = {
    model: 'bench',
    version: 'v0',
    base: { name: base.name, hash: base.hash },
    task: 'classification',
    facts: { labels },
    adapter: config,
  }
  return { manifest, parameters }
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
}

function round(value) {
  return Math.round(value * 100) / 100
}
