/**
 * What a model on text does where its config names only a base and its labels, beside other settings of the product on the same
 * streams: sentences of three sites in one pass, the first labels, and intents that appear one after another. Beside it
 * scikit-learn's ridge on the same frozen embedding, fitted again for every block and for the end.
 *
 * Labels of sentences are a list, those of intents are open: a default depends on that. Runs of `chosen` are made on development
 * data (`chosen-text.mjs` says which), those of `test` on the test sets, with other seeds.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { spread } from '../lib/figures.mjs'
import { readTexts, streamOf, tasksOf } from '../lib/text-stream.mjs'
import { validationOf } from './chosen-text.mjs'
import { fewRows } from './few-labels-rows.mjs'
import { domainRun, LABELS } from './text-drift-learner.mjs'
import { learning } from './text-drift.mjs'
import { domainStream } from './text-drift-stream.mjs'
import { ridgeRun } from './text-ridge.mjs'

const SITES = ['yelp', 'amazon', 'imdb']
const SIZES = [100, 500]
const INTENTS = ['banking77', 'clinc150']
/** Seeds of the report, apart from those that settings were chosen with. */
const REPORT = 100

const bases = { MiniLM: 'minilm', 'e5-small': 'e5-small' }
const lora = {
  adapter: { method: 'lora', tail_layers: 3 },
  train: { weight_decay: 3 },
  rate: { policy: 'inverse-sqrt' },
}
const slda = (shrinkage) => ({ adapter: { method: 'slda', shrinkage, depth: 1 } })
/** A solution for each part of the stream: the end is all that counts. */
const ranpac = (ridge) => ({
  adapter: {
    ...{ method: 'ranpac', features: 2048, depth: 3, projection: 'orthogonal' },
    ...{ balance: 0.5, ridge },
  },
  trigger: { policy: 'count', every: 100_000, rest: 0 },
})
/** It chooses its ridge from the sums. */
const anacp = (features) => ({
  adapter: { method: 'anacp', features, depth: 3 },
  trigger: { policy: 'count', every: 100_000, rest: 0 },
})
/** As the default of e5-small, with an update for every 16 examples. */
const usual = (method, depth, others) => ({ adapter: { method, features: 1024, depth, ...others } })
const balanced = { projection: 'orthogonal', balance: 0.5, ridge: 300 }
const strengths = Object.fromEntries(
  [3, 100, 300, 1000].map((each) => [`RanPAC, ridge ${each}`, ranpac(each)]),
)

/** Of the product: what a config says besides its base and labels. Ridge is the peer. */
const ways = {
  chosen: {
    MiniLM: {
      sentences: { ...strengths, AnaCP: anacp(2048) },
      intents: { ...strengths, AnaCP: anacp(2048) },
    },
    'e5-small': {
      sentences: {
        'SLDA, shrinkage 0.0001': slda(1e-4),
        'SLDA, shrinkage 0.001': slda(1e-3),
        'SLDA, shrinkage 0.01': slda(1e-2),
        'LoRA on 3 layers': lora,
        ...strengths,
        AnaCP: anacp(2048),
        'RanPAC of 1,024 (default)': usual('ranpac', 3, balanced),
        'RanPAC of 1,024, one layer': usual('ranpac', 1, balanced),
        'AnaCP of 1,024': usual('anacp', 3),
        'AnaCP of 1,024, one layer': usual('anacp', 1),
      },
      intents: { ...strengths, AnaCP: anacp(2048) },
    },
  },
  test: {
    MiniLM: {
      sentences: { default: {}, ridge: undefined },
      intents: { default: {}, 'LoRA on 3 layers': lora, ridge: undefined },
    },
    'e5-small': {
      sentences: { default: {}, 'SLDA, shrinkage 0.001': slda(1e-3), ridge: undefined },
      intents: { default: {}, ridge: undefined },
    },
  },
}
const parts = Object.keys(ways)

export async function measure({ data, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { tf } = await openTensorFlow({ threads: 1 })
  for (const part of parts)
    for (const [base, { sentences, intents }] of Object.entries(ways[part])) {
      const whole = await openBase(bases[base])
      const at = { tf, whole, part, data, base: bases[base] }
      for (const seed of seeds)
        for (const [way, settings] of Object.entries(sentences))
          for (const [stream, { model, work }] of sentenceRuns({ ...at, settings, seed }))
            await run(`${part} · ${stream} · ${base} · ${way} · seed ${seed}`, model, work)
      for (const [way, settings] of Object.entries(intents))
        for (const dataset of INTENTS) {
          const { model, work } = intentRun({ ...at, settings, dataset })
          await run(`${part} · ${dataset} · ${base} · ${way} · seed 1`, model, work)
        }
    }
  return tableOf(runs())
}

const peer = { model: { peer: 'RidgeClassifierCV', alphas: '1e-4 to 1e3', embedding: 'frozen' } }

function sentenceRuns({ part, settings, seed, ...at }) {
  const isDevelopment = part === 'chosen'
  const drawn = isDevelopment ? seed : REPORT + seed
  const domains = domainStream(SITES, drawn, { isDevelopment })
  const few = (size) => fewRows(size, drawn, { isDevelopment })
  if (settings === undefined)
    return [
      ['domains', { ...peer, work: () => ridgeRun({ ...at, ...domains, every: 16 }) }],
      ...SIZES.map((size) => {
        const { taught, tested } = few(size)
        const work = () => ridgeRun({ ...at, stream: [taught], tests: [tested] })
        return [`${size} labels`, { ...peer, work }]
      }),
    ]
  const model = modelOf(at.base, { labels: LABELS, ...settings })
  const made = { ...at, model, seed: drawn }
  return [
    ['domains', { model: learning(model), work: () => domainRun({ ...made, parts: domains }) }],
    ...SIZES.map((size) => {
      const { taught, tested } = few(size)
      const work = () => domainRun({ ...made, parts: { stream: [taught], tests: [tested] } })
      return [`${size} labels`, { model: learning(model), work }]
    }),
  ]
}

function intentRun({ part, data, dataset, settings, ...at }) {
  const { train, test } =
    part === 'chosen'
      ? validationOf(data, dataset)
      : { train: readTexts(data, dataset, 'train'), test: readTexts(data, dataset, 'test') }
  const tasks = tasksOf(train, dataset)
  const stream = streamOf(train, tasks, openRandom(1, 'text/stream'))
  const tests = tasks.map((labels) => test.filter(({ label }) => labels.includes(label)))
  const files = intentFiles(data, dataset, part)
  if (settings === undefined)
    return { ...peer, work: () => ridgeRun({ ...at, files, stream, tests }) }
  const model = modelOf(at.base, { labels: { open: true }, ...settings })
  const run = { ...at, model, seed: 1, files, parts: { stream, tests } }
  return { model: learning(model), work: () => domainRun(run) }
}

/** As the cache knows them: whole files, whatever is drawn from them. */
function intentFiles(data, dataset, part) {
  const other = part === 'test' ? ['test'] : dataset === 'clinc150' ? ['val'] : []
  return ['train', ...other].map((name) => readTexts(data, dataset, name))
}

/** The product's defaults, but for what the settings say. */
function modelOf(base, settings) {
  return parseConfig(JSON.stringify({ models: { m: { base, ...settings } } }), '/').models.m
}

const columns = {
  domains: ['prequential', 'heldOut', 'forgetting'],
  ...Object.fromEntries(SIZES.map((size) => [`${size} labels`, ['heldOut']])),
  ...Object.fromEntries(INTENTS.map((dataset) => [dataset, ['heldOut', 'forgetting']])),
}
const titles = { prequential: 'on the way', heldOut: 'at the end', forgetting: 'forgetting' }

function tableOf(runs) {
  const named = runs.map(({ name, figures }) => ({ figures, words: name.split(' · ') }))
  const rows = parts.flatMap((part) =>
    Object.entries(ways[part]).flatMap(([base, { sentences, intents }]) =>
      [...new Set([...Object.keys(sentences), ...Object.keys(intents)])].map((way) => [
        ...[part === 'chosen' ? 'development' : 'test', `${base} · ${way}`],
        ...Object.entries(columns).flatMap(([stream, figures]) => {
          const own = named.filter(({ words }) =>
            [part, stream, base, way].every((word, at) => words[at] === word),
          )
          return figures.map((figure) =>
            own.length === 0 ? '' : spread(own.map((run) => run.figures[figure])),
          )
        }),
      ]),
    ),
  )
  return {
    columns: [
      'data',
      'model',
      ...Object.entries(columns).flatMap(([stream, figures]) =>
        figures.map((figure) => (figures.length === 1 ? stream : `${stream}: ${titles[figure]}`)),
      ),
    ],
    rows: rows.filter((cells) => cells.slice(2).some((cell) => cell !== '')),
    note: 'Accuracy in %, mean ± standard deviation over seeds, which change the order of sentences and what is drawn; intents come in one order. `domains`: 800 (development: 640) sentences of yelp, amazon and imdb each, one site after the other. By label: banking77 in seven tasks, clinc150 in fifteen. Forgetting: of a domain or task, the best accuracy that it had minus the one at the end, the mean over all but the last. An empty cell was not measured.',
  }
}
