/**
 * What the defaults of a model on text are chosen on: the order amazon, imdb, yelp, and sentences that the report
 * teaches; a fifth of these is held out. The report's test sentences are not opened. Each row changes one thing.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { bases, learning, tableOf, young } from './text-drift.mjs'
import { configOf, domainRun } from './text-drift-learner.mjs'
import { peerRun, peerSettings } from './text-drift-peers.mjs'
import { allRows, domainStream, EMOTIONS, emotionRows } from './text-drift-stream.mjs'

const SITES = ['amazon', 'imdb', 'yelp']
/** The order of the report, on the sentences of development. */
const reported = { sites: ['yelp', 'amazon', 'imdb'] }
/** With a fourth site, which needs `--data`: comments that are no reviews. */
const four = {
  'four sites, emotions first': { sites: [EMOTIONS, 'amazon', 'imdb', 'yelp'] },
  'four sites, emotions third': { sites: ['imdb', 'yelp', EMOTIONS, 'amazon'] },
}

const lora = (adapter) => ({ adapter: { method: 'lora', ...adapter } })
const deep = lora({ tail_layers: 'all' })
const averaged = (average, train) => ({ train: { average, ...train } })
const top = lora({ tail_layers: 2 })
/** Half the rate of the product's other adapters. */
const slower = (tail_layers, order) => ({
  [`${order ? 'yelp first, ' : ''}${tail_layers} layers, rate 0.0005, decay 3`]: {
    ...order,
    ...lora({ tail_layers }),
    train: { learning_rate: 0.0005, weight_decay: 3 },
  },
})
/** Rates that fall from the product's usual ones to half of them. */
const falling = (tail_layers) => ({
  ...lora({ tail_layers }),
  train: { weight_decay: 3 },
  rate: { policy: 'inverse-sqrt' },
})
/** At each doubling from 50 examples on, the last time at 1,600. */
const fewShot = { few_shot: { policy: 'contrastive', last: 3000 } }
/** Averaged weights, and what was answered wrong lately is remembered as it is. */
const memory = { memory: { policy: 'knn', keep: 'mistakes', threshold: 0.9, every: 16 } }
const steady = {
  ...lora({ tail_layers: 4 }),
  ...averaged(0.9, { weight_decay: 3, epochs: null }),
  ...memory,
}
/** The same without a second pass: compared by what the two layers below give. */
const atCut = {
  ...steady,
  memory: { ...memory.memory, compare: 'cut', threshold: 0.94, sharpness: 60 },
}
/** What differs from the product's settings for an adapter that a config names; by base, since use-lite has two layers. */
export const candidates = {
  MiniLM: {
    '2 layers': top,
    '2 layers, averaged 0.9': { ...top, ...averaged(0.9) },
    '2 layers, averaged 0.95': { ...top, ...averaged(0.95) },
    '2 layers, averaged 0.9, a step at rest': { ...top, ...averaged(0.9, { rest_steps: 1 }) },
    '2 layers, mixture': { ...top, memory: { policy: 'mixture' } },
    '4 layers': lora({ tail_layers: 4 }),
    '4 layers, few_shot': { ...lora({ tail_layers: 4 }), ...fewShot },
    '4 layers, few_shot, averaged 0.9': {
      ...lora({ tail_layers: 4 }),
      ...fewShot,
      ...averaged(0.9),
    },
    'all 6 layers, few_shot, averaged 0.9': { ...deep, ...fewShot, ...averaged(0.9) },
    '4 layers, averaged 0.9': { ...lora({ tail_layers: 4 }), ...averaged(0.9) },
    '4 layers, averaged 0.9, decay 3': {
      ...lora({ tail_layers: 4 }),
      ...averaged(0.9, { weight_decay: 3 }),
    },
    '3 layers, averaged 0.9, decay 3': {
      ...lora({ tail_layers: 3 }),
      ...averaged(0.9, { weight_decay: 3 }),
    },
    ...slower(2),
    '3 layers, decay 3': { ...lora({ tail_layers: 3 }), train: { weight_decay: 3 } },
    ...slower(3),
    '3 layers, falling rates, decay 3': falling(3),
    '3 layers, falling rates, decay 3, more passes while young': young(falling(3)),
    '4 layers, averaged 0.9, decay 3, memory': steady,
    'yelp first, 4 layers, averaged 0.9, decay 3, memory': { ...reported, ...steady },
    '4 layers, averaged 0.9, decay 3, memory at the cut': atCut,
    'yelp first, 4 layers, averaged 0.9, decay 3, memory at the cut': { ...reported, ...atCut },
    ...Object.fromEntries(
      Object.entries(four).flatMap(([name, order]) => [
        [
          `${name}, 3 layers, falling rates, decay 3, more passes while young`,
          { ...order, ...young(falling(3)) },
        ],
        [`${name}, 4 layers, averaged 0.9, decay 3, memory`, { ...order, ...steady }],
        [`${name}, 4 layers, averaged 0.9, decay 3, memory at the cut`, { ...order, ...atCut }],
      ]),
    ),
    'query and value of 4 layers, averaged 0.9, decay 3': {
      ...lora({ tail_layers: 4, target_modules: ['query', 'value'] }),
      ...averaged(0.9, { weight_decay: 3 }),
    },
    'all 6 layers': deep,
    'all 6 layers, averaged 0.9': { ...deep, ...averaged(0.9) },
    'all 6 layers, averaged 0.95': { ...deep, ...averaged(0.95) },
    'all 6 layers, averaged 0.95, decay 3': { ...deep, ...averaged(0.95, { weight_decay: 3 }) },
    'all 6 layers, averaged 0.9, two passes': { ...deep, ...averaged(0.9, { epochs: 2 }) },
    'yelp first, all 6 layers': { ...reported, ...deep },
    'yelp first, all 6 layers, averaged 0.95': { ...reported, ...deep, ...averaged(0.95) },
    ...Object.fromEntries(
      [1, 3, 10].map((weight_decay) => [
        `yelp first, all 6 layers, averaged 0.95, decay ${weight_decay}`,
        { ...reported, ...deep, ...averaged(0.95, { weight_decay }) },
      ]),
    ),
    'yelp first, all 6 layers, averaged 0.98': { ...reported, ...deep, ...averaged(0.98) },
    'yelp first, 4 layers, averaged 0.9': {
      ...reported,
      ...lora({ tail_layers: 4 }),
      ...averaged(0.9),
    },
    'yelp first, 4 layers, averaged 0.9, decay 3': {
      ...reported,
      ...lora({ tail_layers: 4 }),
      ...averaged(0.9, { weight_decay: 3 }),
    },
    'yelp first, 3 layers, averaged 0.9, decay 3': {
      ...reported,
      ...lora({ tail_layers: 3 }),
      ...averaged(0.9, { weight_decay: 3 }),
    },
    'yelp first, 2 layers': { ...reported, ...top },
    'yelp first, 3 layers, decay 3': {
      ...reported,
      ...lora({ tail_layers: 3 }),
      train: { weight_decay: 3 },
    },
    ...slower(2, reported),
    ...slower(3, reported),
    'yelp first, 3 layers, falling rates, decay 3': { ...reported, ...falling(3) },
    'yelp first, 3 layers, falling rates, decay 3, more passes while young': {
      ...reported,
      ...young(falling(3)),
    },
    'yelp first, query and value of 4 layers, averaged 0.9, decay 3': {
      ...reported,
      ...lora({ tail_layers: 4, target_modules: ['query', 'value'] }),
      ...averaged(0.9, { weight_decay: 3 }),
    },
    'yelp first, all 6 layers, averaged 0.95, der++': {
      ...reported,
      ...deep,
      ...averaged(0.95),
      replay: { policy: 'der++' },
    },
    'yelp first, all 6 layers, averaged 0.95, rate 0.002': {
      ...reported,
      ...deep,
      ...averaged(0.95, { learning_rate: 0.002 }),
    },
    'yelp first, every weight of all 6 layers, averaged 0.95': {
      ...reported,
      adapter: { method: 'full', tail_layers: 'all' },
      ...averaged(0.95, { learning_rate: 0.0001, head_learning_rate: 0.01 }),
    },
    'yelp first, all 6 layers, averaged 0.95, 32 replayed': {
      ...reported,
      ...deep,
      ...averaged(0.95, { replay_batch: 32 }),
    },
    'yelp first, all 6 layers, averaged 0.95, rate 0.0005': {
      ...reported,
      ...deep,
      ...averaged(0.95, { learning_rate: 0.0005 }),
    },
    'yelp first, all 6 layers, averaged 0.95, rate 0.0005, dropout 0.1': {
      ...reported,
      ...lora({ tail_layers: 'all', dropout: 0.1 }),
      ...averaged(0.95, { learning_rate: 0.0005 }),
    },
    'yelp first, query and value of all 6 layers, averaged 0.95, head and buffer of the peer': {
      ...reported,
      ...lora({ tail_layers: 'all', target_modules: ['query', 'value'] }),
      ...averaged(0.95, { head_learning_rate: 0.001 }),
      replay: { policy: 'reservoir', capacity: 500 },
    },
    'yelp first, query and value of all 6 layers, averaged 0.95': {
      ...reported,
      ...lora({ tail_layers: 'all', target_modules: ['query', 'value'] }),
      ...averaged(0.95),
    },
  },
  'use-lite': {
    'both layers': top,
    'both layers, more passes while young': young(top),
    'both layers, rate 0.0005, decay 3': {
      ...top,
      train: { learning_rate: 0.0005, weight_decay: 3 },
    },
    'both layers, averaged 0.9': { ...top, ...averaged(0.9) },
    'both layers, two passes': { ...top, train: { epochs: 2 } },
  },
}

export async function measure({ data, seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const found = new Map()
  const files = [allRows(), ...(data === undefined ? [] : [emotionRows(data)])]
  for (const seed of seeds.slice(0, 3)) {
    const streamOf = (sites) => domainStream(sites, seed, { isDevelopment: true, data })
    const parts = streamOf(SITES)
    const measured = async (name, settings, work) => {
      const figures = await run(`${name} · seed ${seed}`, settings, work)
      if (figures !== undefined) found.set(name, [...(found.get(name) ?? []), figures])
    }
    for (const [base, choose] of Object.entries(bases))
      for (const [way, { sites, ...settings }] of Object.entries(candidates[base])) {
        if (sites?.includes(EMOTIONS) && data === undefined) continue
        const model = configOf(choose(), settings)
        const own = sites ? streamOf(sites) : parts
        await measured(`${base} · ${way}`, learning(model), async () =>
          domainRun({ tf, whole: await openBase(model.base), model, seed, files, parts: own }),
        )
      }
    await measured('MiniLM · torch + peft', peerSettings, () => peerRun('lora', parts, seed))
  }
  return tableOf(found)
}
