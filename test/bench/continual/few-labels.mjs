/**
 * Few labels: whether a sentence is positive, from 50 to 1,000 labelled sentences of three sites, on MiniLM. The product
 * by one pass of its default steps, by five passes, and by contrast; beside it SetFit, torch with peft, logistic regression
 * on frozen embeddings, and a guess. Everything runs on one thread. SETFIT_PYTHON names a Python that has setfit, peft and
 * scikit-learn; without it the peers that need them are left out.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { spread } from '../lib/figures.mjs'
import { learnedBy } from './text-drift-learner.mjs'
import { fewConfig, fewRun } from './few-labels-learner.mjs'
import { fewPeer, fewPeers } from './few-labels-peers.mjs'
import { fewRows } from './few-labels-rows.mjs'

export const SIZES = [50, 100, 500, 1000]
/** Seeds of the report, apart from those that settings were chosen with. */
const REPORT = 100

const deep = { adapter: { method: 'lora', tail_layers: 'all' } }
/** Of the product: what a config says; the rest is its default. */
export const ways = {
  'default: top 4 layers, averaged, with memory, one pass in blocks of 16': {
    trigger: { policy: 'count', every: 16, rest: 0 },
  },
  'top 3 layers at falling rates, one pass in blocks of 16': {
    adapter: { method: 'lora', tail_layers: 3 },
    train: { weight_decay: 3 },
    rate: { policy: 'inverse-sqrt' },
    trigger: { policy: 'count', every: 16, rest: 0 },
  },
  'top 2 layers, one pass in blocks of 16': {
    adapter: { method: 'lora', tail_layers: 2 },
    trigger: { policy: 'count', every: 16, rest: 0 },
  },
  'top 3 layers at half the rate, one pass in blocks of 16': {
    adapter: { method: 'lora', tail_layers: 3 },
    train: { learning_rate: 0.0005, weight_decay: 3 },
    trigger: { policy: 'count', every: 16, rest: 0 },
  },
  'all layers, five passes': { ...deep, train: { epochs: 5 } },
  '4 layers, few_shot: contrastive': {
    adapter: { method: 'lora', tail_layers: 4 },
    few_shot: { policy: 'contrastive', first: 50, last: 1000 },
  },
  'all layers, few_shot: contrastive': {
    ...deep,
    few_shot: { policy: 'contrastive', first: 50, last: 1000 },
  },
}

/** As steps are made: the policies' parts of the config, and that they are compiled. */
const compiling = { onEager: () => undefined }

export async function measure({ seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const base = 'minilm'
  const whole = await openBase(base)
  const found = new Map()
  for (const seed of seeds.map((each) => REPORT + each))
    for (const size of SIZES) {
      const rows = fewRows(size, seed)
      const measured = async (name, settings, work) => {
        const figures = await run(`${name} · ${size} labels · seed ${seed}`, settings, work)
        if (figures === undefined) return
        const own = found.get(name) ?? new Map()
        found.set(name, own.set(size, [...(own.get(size) ?? []), figures]))
      }
      for (const [way, settings] of Object.entries(ways)) {
        const model = fewConfig(base, size, settings)
        const { adapter, trigger, few_shot, rate, memory } = model
        const train = learnedBy(model)
        const changed = rate.policy === 'drift-reset' ? {} : { rate }
        const remembering = memory.policy === 'none' ? {} : { memory }
        const made = {
          adapter,
          train,
          ...changed,
          ...remembering,
          trigger,
          few_shot,
          compiled: true,
        }
        await measured(way, made, () => fewRun({ tf, whole, model, seed, rows, compiling }))
      }
      for (const [name, peer] of Object.entries(fewPeers()))
        await measured(name, peer, () => fewPeer(peer, rows, seed))
      await measured('majority', {}, () => majority(rows))
    }
  return tableOf(found)
}

function majority({ taught, tested }) {
  const positive = taught.filter(({ label }) => label === 'positive').length
  const answer = 2 * positive >= taught.length ? 'positive' : 'negative'
  const right = tested.filter(({ label }) => label === answer).length
  return { accuracy: (100 * right) / tested.length }
}

export function tableOf(found) {
  const cell = (runs, figure) =>
    runs?.[0]?.[figure] === undefined ? '' : spread(runs.map((each) => each[figure]))
  return {
    columns: ['on MiniLM', ...SIZES.map((size) => `${size} labels`), 'CPU s for 500', 'seeds'],
    rows: [...found].map(([name, bySize]) => [
      name,
      ...SIZES.map((size) => cell(bySize.get(size), 'accuracy')),
      cell(bySize.get(500), 'cpuSeconds'),
      Math.max(...[...bySize.values()].map(({ length }) => length)),
    ]),
    note: 'Accuracy in % on 600 sentences of yelp, amazon and imdb that nothing learned from, mean ± standard deviation over seeds, which draw the labelled sentences from the other 2,400. An empty cell was not measured. CPU seconds: reading 500 texts and learning them on one thread, the compilation of steps included.',
  }
}
