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
/** What each differs in from the product's default. */
export const candidates = {
  'tail_layers 2': lora({ tail_layers: 2 }),
  'tail_layers 3': lora({ tail_layers: 3 }),
  'tail_layers 4': lora({ tail_layers: 4 }),
  'tail_layers all': deep,
  'tail_layers all, q and v': lora({ tail_layers: 'all', target_modules: ['query', 'value'] }),
  'tail_layers 2, rate 0.002': { ...lora({ tail_layers: 2 }), train: { learning_rate: 0.002 } },
  'tail_layers 2, rate 0.0005': {
    ...lora({ tail_layers: 2 }),
    train: { learning_rate: 0.0005, head_learning_rate: 0.01 },
  },
  'tail_layers 2, head rate 0.003': {
    ...lora({ tail_layers: 2 }),
    train: { head_learning_rate: 0.003 },
  },
  'tail_layers 2, averaged 0.9': { ...lora({ tail_layers: 2 }), train: { average: 0.9 } },
  'tail_layers 2, averaged 0.95': { ...lora({ tail_layers: 2 }), train: { average: 0.95 } },
  'tail_layers 2, two passes': { ...lora({ tail_layers: 2 }), train: { epochs: 2 } },
  'tail_layers 2, steps of 8': { ...lora({ tail_layers: 2 }), train: { batch: 8 } },
  'tail_layers 2, 32 replayed': { ...lora({ tail_layers: 2 }), train: { replay_batch: 32 } },
  'tail_layers all, averaged 0.9': { ...deep, train: { average: 0.9 } },
  'tail_layers all, rate 0.0005': {
    ...deep,
    train: { learning_rate: 0.0005, head_learning_rate: 0.01 },
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
      for (const [way, settings] of Object.entries(candidates)) {
        const model = configOf(choose(), settings)
        await measured(`${base} · ${way}`, learning(model), async () =>
          domainRun({ tf, whole: await openBase(model.base), model, seed, parts }),
        )
      }
    await measured('MiniLM · torch + peft', peerSettings, () => peerRun('lora', parts, seed))
  }
  return tableOf(found)
}
