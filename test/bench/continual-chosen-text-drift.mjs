/**
 * What the defaults of a model on text are chosen on: the order amazon, imdb, yelp, and sentences that the report
 * teaches; a fifth of these is held out. The report's test sentences are not opened. Each row changes one thing.
 */
import { openBase } from '../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { bases, learning, tableOf } from './continual-text-drift.mjs'
import { configOf, domainRun } from './text-drift-learner.mjs'
import { peerRun, peerSettings } from './text-drift-peers.mjs'
import { domainStream } from './text-drift-stream.mjs'

const SITES = ['amazon', 'imdb', 'yelp']

const lora = (adapter) => ({ adapter: { method: 'lora', ...adapter } })
const deep = lora({ tail_layers: 'all' })
const averaged = (average, train) => ({ train: { average, ...train } })
const top = lora({ tail_layers: 2 })
/** What differs from the product's settings for an adapter that a config names; by base, since use-lite has two layers. */
export const candidates = {
  MiniLM: {
    '2 layers': top,
    '2 layers, averaged 0.9': { ...top, ...averaged(0.9) },
    '2 layers, averaged 0.95': { ...top, ...averaged(0.95) },
    '2 layers, averaged 0.9, a step at rest': { ...top, ...averaged(0.9, { rest_steps: 1 }) },
    '4 layers': lora({ tail_layers: 4 }),
    'all 6 layers': deep,
    'all 6 layers, averaged 0.9': { ...deep, ...averaged(0.9) },
    'all 6 layers, averaged 0.95': { ...deep, ...averaged(0.95) },
    'all 6 layers, averaged 0.9, two passes': { ...deep, ...averaged(0.9, { epochs: 2 }) },
  },
  'use-lite': {
    'both layers': top,
    'both layers, averaged 0.9': { ...top, ...averaged(0.9) },
    'both layers, two passes': { ...top, train: { epochs: 2 } },
  },
}

export async function measure({ seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const found = new Map()
  for (const seed of seeds.slice(0, 3)) {
    const parts = domainStream(SITES, seed, { isDevelopment: true })
    const measured = async (name, settings, work) => {
      const figures = await run(`${name} · seed ${seed}`, settings, work)
      if (figures !== undefined) found.set(name, [...(found.get(name) ?? []), figures])
    }
    for (const [base, choose] of Object.entries(bases))
      for (const [way, settings] of Object.entries(candidates[base])) {
        const model = configOf(choose(), settings)
        await measured(`${base} · ${way}`, learning(model), async () =>
          domainRun({ tf, whole: await openBase(model.base), model, seed, parts }),
        )
      }
    await measured('MiniLM · torch + peft', peerSettings, () => peerRun('lora', parts, seed))
  }
  return tableOf(found)
}
