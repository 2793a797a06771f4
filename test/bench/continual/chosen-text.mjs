/**
 * What the settings for text are chosen on: data that no other table reports. clinc150 has a validation set of its own; of
 * banking77, a fifth of each label's training texts is held out. The test sets are not opened.
 */
import { openRandom } from '../../../dist/src/platform/random.js'
import { openMiniLm, trial } from './text.mjs'
import { datasets, readTexts, shuffled } from '../lib/text-stream.mjs'
import { spread } from './text-table.mjs'

const ranpac = (features, depth, ridge) => ({
  adapter: { method: 'ranpac', features, depth, ...(ridge !== undefined && { ridge }) },
  every: 1000,
})
const slda = (depth) => ({ adapter: { method: 'slda', depth }, every: 1000 })
// deploy/templates/intents.yaml
const intents = {
  adapter: { method: 'ranpac', features: 3072, depth: 3, projection: 'orthogonal', balance: 0.5 },
  every: 1000,
}
const head = (capacity, train) => ({
  adapter: { method: 'head' },
  replay: { policy: 'reservoir', capacity },
  ...(train && { train }),
})
const lora = (tail_layers, train) => ({
  adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers },
  replay: { policy: 'reservoir', capacity: 2000 },
  ...(train && { train }),
})
const rehearsed = { replay_batch: 128, epochs: 4, head_learning_rate: 0.001 }

/** The first row of a group is the default of the product. */
const candidates = [
  ['head · reservoir (default)', head(2000)],
  ['head · reservoir, its rate 0.003', head(2000, { head_learning_rate: 0.003 })],
  ['head · reservoir, much rehearsed', head(2000, rehearsed)],
  ['head · reservoir of 20,000, much rehearsed', head(20_000, rehearsed)],
  ['lora · 2 layers · reservoir', lora(2)],
  [
    'lora · 3 layers, half the rate, decay 3 · reservoir',
    lora(3, { learning_rate: 0.0005, weight_decay: 3 }),
  ],
  ['ncm', { adapter: { method: 'ncm' }, every: 1000 }],
  ['slda · 1 layer', slda(1)],
  ['slda · 2 layers (default)', slda(2)],
  ['ranpac · 1,024 features, 1 layer', ranpac(1024, 1)],
  ['ranpac · 1,024 features, 2 layers (default)', ranpac(1024, 2)],
  ['ranpac · 1,024 features, 2 layers, ridge 1', ranpac(1024, 2, 1)],
  ['ranpac · 1,024 features, 2 layers, ridge 10', ranpac(1024, 2, 10)],
  ['ranpac · 2,048 features, 2 layers', ranpac(2048, 2)],
  ['ranpac · 3,072 features, 2 layers', ranpac(3072, 2)],
  ['ranpac · of init intents', intents],
  ...[1024, 2048, 3072].map((features) => [
    `anacp · ${features.toLocaleString('en')} features, 3 layers`,
    { adapter: { method: 'anacp', features, depth: 3 }, every: 1000 },
  ]),
]

export async function measure({ data, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { base, engine } = await openMiniLm()
  for (const [name, settings] of candidates)
    for (const dataset of Object.keys(datasets))
      // Closed forms give the same whatever the seed.
      for (const seed of /^(head|lora) /u.test(name) ? seeds : [1])
        await run(`${dataset} · ${name} · seed ${seed}`, settings, () => {
          const texts = validationOf(data, dataset)
          return trial({ base, engine, dataset, texts, settings, seed, isShort: true })
        })
  return tableOf(runs())
}

export function validationOf(data, dataset) {
  const train = readTexts(data, dataset, 'train')
  if (dataset === 'clinc150') return { train, test: readTexts(data, dataset, 'val') }
  const isHeldOut = new Set(heldOut(train).map(({ key }) => key))
  return {
    train: train.filter(({ key }) => !isHeldOut.has(key)),
    test: train.filter(({ key }) => isHeldOut.has(key)),
  }
}

/** A fifth of each label, the same whatever the seed of a run. */
function heldOut(rows) {
  const random = openRandom(1, 'chosen-text/held-out')
  const labels = [...new Set(rows.map(({ label }) => label))].sort()
  return labels.flatMap((name) => {
    const own = shuffled(
      rows.filter(({ label }) => label === name),
      random,
    )
    return own.slice(0, Math.round(own.length / 5))
  })
}

function tableOf(runs) {
  const names = Object.keys(datasets)
  const cell = (dataset, name) =>
    spread(
      runs
        .filter((run) => run.name.startsWith(`${dataset} · ${name} · seed`))
        .map(({ figures }) => figures.accuracy),
    )
  return {
    columns: ['setting', 'banking77, held-out training texts', 'clinc150, validation set'],
    rows: candidates.map(([name]) => [name, ...names.map((dataset) => cell(dataset, name))]),
    note: 'Accuracy at the end of the class-incremental stream in %. No test set is opened here.',
  }
}
