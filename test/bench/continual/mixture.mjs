/**
 * What the mixture in the recipe for tables is worth: the recipe, the same with the adapter alone, and River's classifiers, on
 * streams that are drawn. Its settings were chosen with seed 1 of these streams, so that the seeds here begin at 101; an
 * update for each event.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { experts } from '../../../dist/src/contracts/policy.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import * as drawn from '../lib/drawn-streams.mjs'
import { driftStream } from '../lib/drift-streams.mjs'
import { mean, round } from '../lib/figures.mjs'
import { RIVER_VERSION, riverOn } from '../lib/river.mjs'
import { modelFor, prequential } from '../lib/tabular-learner.mjs'

const each = { trigger: { policy: 'count', every: 1 } }
const ours = {
  'the recipe, a mixture': each,
  'the adapter alone': { ...each, memory: { policy: 'none' } },
}
const river = [
  ...['LogisticRegression', 'PAClassifier', 'HoeffdingTreeClassifier'],
  ...['ARFClassifier', 'AMFClassifier'],
]
const streams = {
  'sine1, at once': (seed) => driftStream('sine1, at once', { seed }).rows,
  'sine1, gradually': (seed) => driftStream('sine1, gradually', { seed }).rows,
  'sea, at once': (seed) => driftStream('sea, at once', { seed }).rows,
  hyperplane: drawn.hyperplane,
  rbf: drawn.rbf,
  'forty labels in runs': (seed) => drawn.labelStream(seed),
  'turned curve': drawn.turnedCurve,
  'stagger, in turn': drawn.stagger,
  'sea, in turn': drawn.seaInTurn,
  'rbf, in turn': drawn.rbfInTurn,
  'hyperplane, there and back': drawn.rotating,
  'moving squares': drawn.squares,
  // Settings were chosen on a board of six by six.
  chessboard: (seed) => drawn.chessboard(seed, { side: 8, pace: 120, turns: 9 }),
}

export async function measure({ seeds, run, runs }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const folder = mkdtempSync(join(tmpdir(), 'streams-'))
  try {
    for (const seed of seeds.map((at) => 100 + at))
      for (const [stream, draw] of Object.entries(streams)) {
        const rows = draw(seed)
        const path = join(folder, 'stream.jsonl.gz')
        writeFileSync(path, gzipSync(rows.map((row) => JSON.stringify(row)).join('\n')))
        for (const [method, settings] of Object.entries(ours)) {
          const { memory, train } = modelFor(rows[0].features.length, settings)
          const made = { memory, train, ...(memory.policy === 'mixture' && { experts }) }
          await run(`${stream} · ${method} · seed ${seed}`, made, async () =>
            rounded(await prequential(rows, { tf, settings, seed })),
          )
        }
        for (const model of river)
          await run(`${stream} · ${model} · seed ${seed}`, { river: RIVER_VERSION }, async () =>
            rounded(await riverOn(model, path, seed)),
          )
      }
  } finally {
    rmSync(folder, { recursive: true })
  }
  return tableOf(runs())
}

function rounded({ accuracy, perSecond }) {
  return { accuracy: round(100 * accuracy), perSecond: Math.round(perSecond) }
}

function tableOf(runs) {
  const names = Object.keys(streams)
  const methods = [...Object.keys(ours), ...river]
  const figuresOf = (stream, method) =>
    runs
      .filter(({ name }) => name.startsWith(`${stream} · ${method} · seed`))
      .map(({ figures }) => figures)
  const speeds = methods.map((method) => {
    const all = names.flatMap((stream) => figuresOf(stream, method))
    return all.length === 0 ? '' : Math.round(mean(all.map(({ perSecond }) => perSecond)))
  })
  return {
    columns: [
      'stream',
      ...methods.map((name) => (river.includes(name) ? `River \`${name}\`` : name)),
    ],
    rows: [
      ...names.map((stream) => [
        stream,
        ...accuracies(methods.map((name) => figuresOf(stream, name))),
      ]),
      ['examples/s of CPU', ...speeds],
    ],
    note: `Prequential accuracy in %, an update for each event; one seed, none of those that settings were chosen with. River ${RIVER_VERSION} with its own defaults. Speeds are means over the streams, on one core of a busy machine.`,
  }
}

/** Of each method, the best in bold. */
function accuracies(all) {
  const means = all.map((figures) =>
    figures.length === 0 ? undefined : mean(figures.map(({ accuracy }) => accuracy)),
  )
  const best = Math.max(...means.map((value) => value ?? 0))
  return means.map((value) => {
    if (value === undefined) return '–'
    return value === best ? `**${value.toFixed(1)}**` : value.toFixed(1)
  })
}
