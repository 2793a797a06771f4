/**
 * What the adapter of the recipe for tables is compared on, without the experts beside it: drawn streams that the table
 * of real streams does not report. Each setting is the recipe with one thing changed. `sine1` and `sea` are those of
 * drift-streams.mjs, with their change.
 */
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { driftStream } from '../lib/drift-streams.mjs'
import { EVENTS, hyperplane, rbf } from '../lib/drawn-streams.mjs'
import { round } from '../lib/figures.mjs'
import { modelFor, prequential } from '../lib/tabular-learner.mjs'
import { spread } from './text-table.mjs'

const each = { trigger: { policy: 'count', every: 1 }, memory: { policy: 'none' } }
const train = (change) => ({ ...each, train: change })
const features = (change) => ({ ...each, features: change })

const candidates = [
  ['the recipe (default)', each],
  ['without pieces', features({ bins: 0 })],
  ['five pieces', features({ bins: 5 })],
  ['without the recent part', features({ window: 0 })],
  ['without hidden layers', features({ hidden: [] })],
  ['hidden 32', features({ hidden: [32] })],
  ['rates 0.003', train({ learning_rate: 0.003, head_learning_rate: 0.003 })],
  ['rates 0.03', train({ learning_rate: 0.03, head_learning_rate: 0.03 })],
  ['without averaging', train({ average: 0 })],
  ['without weight decay', train({ weight_decay: 0 })],
  ['16 replayed', train({ replay_batch: 16 })],
  ['one epoch', train({ epochs: 1 })],
]

const streams = {
  sine1: (seed) => driftStream('sine1, gradually', { seed }).rows.slice(500, 500 + EVENTS),
  sea: (seed) => driftStream('sea, at once', { seed }).rows.slice(500, 500 + EVENTS),
  hyperplane,
  rbf,
}

export async function measure({ seeds, run, runs }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  for (const seed of seeds)
    for (const [stream, draw] of Object.entries(streams))
      for (const [name, settings] of candidates)
        await run(
          `${stream} · ${name} · seed ${seed}`,
          settingsOf(draw(seed), settings),
          async () => {
            const { accuracy, dropped } = await prequential(draw(seed), { tf, settings, seed })
            return { accuracy: round(100 * accuracy), dropped }
          },
        )
  return tableOf(runs())
}

function settingsOf([{ features: first }], settings) {
  const { base, adapter, train: all, replay, memory } = modelFor(first.length, settings)
  return { base, adapter, train: all, replay, memory }
}

function tableOf(runs) {
  const names = Object.keys(streams)
  const cells = (name) =>
    names.map((stream) =>
      runs
        .filter((run) => run.name.startsWith(`${stream} · ${name} · seed`))
        .map(({ figures }) => figures.accuracy),
    )
  return {
    columns: ['setting', ...names, 'mean'],
    rows: candidates.map(([name]) => {
      const all = cells(name)
      const means = all.map((values) => values.reduce((sum, each) => sum + each, 0) / values.length)
      const mean = means.reduce((sum, each) => sum + each, 0) / means.length
      return [name, ...all.map(spread), Number.isNaN(mean) ? '–' : mean.toFixed(1)]
    }),
    note: `Prequential accuracy of the adapter alone in %, ${EVENTS} events a stream.`,
  }
}
