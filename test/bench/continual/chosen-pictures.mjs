/**
 * Methods on pictures, on development data: solar cells (ELPV, fetched from PyPI) and residuals of made manipulations. Each picture is
 * taught once, in order; right answers to others of the same part. The default of a picture base is chosen here, and what the examples
 * of both ask about is not among these.
 */
import { CLEAN, KNOWN, NEW, pictures } from '../../../deploy/examples/manipulated-pictures/rows.mjs'
import { cells, KINDS } from '../../../deploy/examples/solar-cells/rows.mjs'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { adapterOf, methodOf, openBase, openTask } from '../../../dist/src/config/model-parts.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { cpuTime, round, say } from '../lib/figures.mjs'
import { openTabularLearner } from '../lib/tabular-learner.mjs'
import { update } from '../lib/text-learner.mjs'

const MODEL = 'efficientnet-lite0'
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
const slow = { learning_rate: 0.0003, head_learning_rate: 0.01, epochs: 2, average: 0.9 }
const methods = {
  'RanPAC, ridge 30': ranpac(30),
  'RanPAC, ridge 100': ranpac(100),
  'RanPAC, ridge 300': ranpac(300),
  'RanPAC, ridge 1000': ranpac(1000),
  'RanPAC, ridge 3000': ranpac(3000),
  head: steps({ method: 'head' }, { epochs: 2 }),
  'norm, two layers': steps({ method: 'norm', tail_layers: 2 }, { epochs: 2, average: 0.9 }),
  'LoRA, two layers': steps({ method: 'lora', tail_layers: 2 }, { epochs: 2, average: 0.9 }),
  'full, two layers': steps({ method: 'full', tail_layers: 2 }, slow),
}

export async function measure({ run, runs }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const sets = {
    cells: prepared(cellRows),
    manipulations: prepared(manipulationRows),
  }
  for (const [name, settings] of Object.entries(methods))
    for (const [set, rows] of Object.entries(sets))
      await run(`dev · ${set} · ${name}`, settings, async () =>
        learned({ tf, settings, ...(await rows()) }),
      )
  return tableOf(runs(), Object.keys(sets))
}

/** Made, and through the trunk, when the first run needs them. */
function prepared(make) {
  let rows
  return async () => (rows ??= encoded(await make()))
}

async function encoded({ taught, asked }) {
  const base = await openBase(MODEL)
  say(`${taught.length + asked.length} pictures through the trunk, once`)
  for (const [at, row] of [...taught, ...asked].entries()) {
    const input = { kind: 'image', image: row.file().toString('base64') }
    await base.prepare(input, 1)
    Object.assign(row, { key: String(at), encoded: base.encode(input, 1) })
  }
  return { taught, asked, views: new Map() }
}

/** Monocrystalline ones first. */
async function cellRows() {
  const rows = await cells()
  const of = (part) =>
    KINDS.flatMap((kind) => rows.filter((row) => row.part === part && row.kind === kind))
  return { taught: of('taught'), asked: of('chosen-on') }
}

async function manipulationRows() {
  const made = async (stream, count) => {
    const rows = await pictures(openRandom(2, stream), [CLEAN, ...KNOWN, NEW], { count })
    return rows.map(({ label, residual }) => ({ label, file: () => residual }))
  }
  return { taught: await made('taught', 40), asked: await made('asked', 40) }
}

async function learned({ tf, settings, taught, asked, views }) {
  const model = parseConfig(
    JSON.stringify({ models: { m: { base: MODEL, labels: { open: true }, ...settings } } }),
    '/',
  ).models.m
  const base = viewOf(await openBase(model.base), methodOf(model), adapterOf(model))
  const cut = cutOf(model.adapter.tail_layers, base.network.layers)
  const task = openTask(model, { labels: 1024 })
  const { learner, trainable } = openTabularLearner(model, base, {
    ...{ tf, seed: 1, cut, limit: 1024, task, compiling: { onEager: () => undefined } },
  })
  const view = String(base.trunk ?? cut)
  if (!views.has(view)) views.set(view, await latentsOf(base, cut, [...taught, ...asked]))
  const latents = views.get(view)
  const used = cpuTime()
  for (const { key, encoded: row, label } of taught) {
    const example = { key, id: key, source: 'stream', weight: 1, encoded: row }
    const target = { kind: 'label', label }
    if (learner.accept({ ...example, target }, latents, 0).verdict === 'update')
      update(learner, latents)
  }
  if (learner.pendingCount > 0) update(learner, latents)
  const cpuSeconds = round(used() / 1000, 1)
  const facts = { ...task.facts(trainable.head), ...learner.facts }
  let right = 0
  for (const row of asked)
    for (const outputs of trainable.score([latents.get(row.key)]))
      right += Number(task.decode(outputs, { facts, row: { data: outputs } }).label === row.label)
  trainable.dispose()
  return { accuracy: round((100 * right) / asked.length, 1), cpuSeconds }
}

async function latentsOf(base, cut, rows) {
  const engine = await openTrunkEngine(base, cut)
  const latents = new Map()
  for (let from = 0; from < rows.length; from += 64) {
    const some = rows.slice(from, from + 64)
    const made = await engine.encode(some.map((row) => row.encoded))
    for (const [at, { key }] of some.entries()) latents.set(key, made[at])
  }
  await engine.close()
  return latents
}

function tableOf(runs, sets) {
  const rows = Object.keys(methods).map((name) => [
    name,
    ...sets.map((set) => {
      const figures = runs.find((run) => run.name === `dev · ${set} · ${name}`)?.figures
      return figures === undefined ? '' : `${figures.accuracy} (${figures.cpuSeconds} s)`
    }),
  ])
  return { columns: ['method', ...sets], rows }
}
