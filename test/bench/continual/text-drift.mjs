/**
 * Domain drift: whether a sentence is positive, in one pass over yelp, then amazon, then imdb, in blocks of 16. The
 * product by its defaults on two bases, beside torch and peft with LoRA at full depth and a reservoir, SLDA on the
 * frozen embedding, and two guesses. A run of each takes its turn for every seed.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { spread } from '../lib/figures.mjs'
import { configOf, domainRun, learnedBy } from './text-drift-learner.mjs'
import { guesses, peerRun, peerSettings } from './text-drift-peers.mjs'
import { domainStream } from './text-drift-stream.mjs'

const SITES = ['yelp', 'amazon', 'imdb']
/** Seeds of the report, apart from those that settings were chosen with. */
const REPORT = 100

/** Of the product: what an adapter's config has; the rest is the product's default. */
const top = { adapter: { method: 'lora', tail_layers: 2 } }
const deep = { adapter: { method: 'lora', tail_layers: 'all' } }
const averaged = { ...deep, train: { average: 0.9 } }
const decayed = (layers) => ({
  adapter: { method: 'lora', tail_layers: layers },
  train: { average: 0.9, weight_decay: 3 },
})
const slower = {
  adapter: { method: 'lora', tail_layers: 3 },
  train: { learning_rate: 0.0005, weight_decay: 3 },
}
const falling = {
  adapter: { method: 'lora', tail_layers: 3 },
  train: { weight_decay: 3 },
  rate: { policy: 'inverse-sqrt' },
}
/** What was answered wrong lately is repeated, to its own text and to near copies. */
const remembering = {
  ...decayed(4),
  memory: { policy: 'knn', keep: 'mistakes', threshold: 0.9, every: 16 },
}
const atCut = {
  ...decayed(4),
  memory: { ...remembering.memory, compare: 'cut', threshold: 0.94, sharpness: 60 },
}
/** As many passes as the product makes by default: more over the first labels. */
export const young = ({ train, ...way }) => ({ ...way, train: { ...train, epochs: null } })
const slda = { adapter: { method: 'slda' } }
/** use-lite has two layers. `most`: the seeds that are enough to show what averaging brings. */
const ways = {
  MiniLM: {
    'LoRA on the top 2 layers': top,
    'LoRA on all 6 layers': { ...deep, most: 2 },
    'LoRA on all 6 layers, averaged': averaged,
    'LoRA on the top 4 layers, averaged, with decay': decayed(4),
    'LoRA on the top 3 layers, averaged, with decay': decayed(3),
    'LoRA on the top 3 layers, half the rate, with decay': slower,
    'LoRA on the top 3 layers, falling rates, with decay': falling,
    'LoRA on the top 3 layers, falling rates, with decay, more passes while young': young(falling),
    'LoRA on the top 4 layers, averaged, with decay, memory, more passes while young':
      young(remembering),
    'LoRA on the top 4 layers, averaged, with decay, memory at the cut, more passes while young':
      young(atCut),
    SLDA: slda,
  },
  'use-lite': {
    'LoRA on both layers': top,
    'LoRA on both layers, more passes while young': young(top),
    SLDA: slda,
  },
}

/** Of the product: a base by its name in the table. */
export const bases = {
  MiniLM: () => 'minilm',
  'use-lite': () => 'use-lite',
}

const PEER = 'MiniLM · torch + peft: LoRA at full depth, reservoir of 500'

export async function measure({ seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const [found, defaults] = [new Map(), new Set()]
  const keep = (name, figures) => {
    if (figures !== undefined) found.set(name, [...(found.get(name) ?? []), figures])
  }
  for (const seed of seeds.map((each) => REPORT + each)) {
    const parts = domainStream(SITES, seed)
    const measured = async (name, settings, work) =>
      keep(name, await run(`${name} · seed ${seed}`, settings, work))
    for (const [base, choose] of Object.entries(bases))
      for (const [way, { most = seeds.length, ...settings }] of Object.entries(ways[base])) {
        if (seed - REPORT > most) continue
        const model = configOf(choose(), settings)
        if (isDefault(model)) defaults.add(`${base} · ${way}`)
        await measured(`${base} · ${way}`, learning(model), async () =>
          domainRun({ tf, whole: await openBase(model.base), model, seed, parts }),
        )
      }
    await measured(PEER, peerSettings, () => peerRun('lora', parts, seed))
    for (const [name, guess] of Object.entries(guesses))
      await measured(name, {}, () => guess(parts))
  }
  return tableOf(found, defaults)
}

function isDefault(model) {
  const open = configOf(model.base, young({}))
  return JSON.stringify(learning(model)) === JSON.stringify(learning(open))
}

/** What a run depends on: the parts of the config that say how it learns. */
export function learning({ adapter, replay, rate, memory, trigger, few_shot, ...model }) {
  const train = learnedBy(model)
  const isFewShot = few_shot.policy !== 'none'
  const settings = { adapter, train, replay, rate, memory, trigger, compiled: true }
  return { ...settings, ...(isFewShot && { few_shot }) }
}

/** `defaults`: names of what the product does where a config says nothing. */
export function tableOf(found, defaults = new Set()) {
  return {
    columns: [
      'model',
      'prequential',
      'held-out at the end',
      'forgetting',
      'CPU s of learning',
      'seeds',
    ],
    rows: [...found].map(([name, runs]) => {
      const over = (figure) =>
        runs[0][figure] === undefined ? '' : spread(runs.map((run) => run[figure]))
      return [
        defaults.has(name) ? `${name} (default)` : name,
        over('prequential'),
        over('heldOut'),
        over('forgetting'),
        over('cpuSeconds'),
        runs.length,
      ]
    }),
    note: '800 sentences a domain are taught and 200 kept for testing. Accuracy in %, mean ± standard deviation over seeds, which change the order within a domain and what is drawn. Forgetting: of a domain, the best accuracy it had minus the one at the end, the mean over the domains before the last. CPU seconds: answering and learning the 2,400 sentences on one thread, for ours without the layers below the cut, which each sentence passes once.',
  }
}
