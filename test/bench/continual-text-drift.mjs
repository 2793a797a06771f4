/**
 * Domain drift: whether a sentence is positive, in one pass over yelp, then amazon, then imdb, in blocks of 16. The
 * product by its defaults on two bases, beside torch and peft with LoRA at full depth and a reservoir, SLDA on the
 * frozen embedding, and two guesses. A run of each takes its turn for every seed.
 */
import { join } from 'node:path'
import { openBase } from '../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { userCache } from '../../dist/src/platform/user-cache.js'
import { spread } from './figures.mjs'
import { configOf, domainRun } from './text-drift-learner.mjs'
import { guesses, peerRun, peerSettings } from './text-drift-peers.mjs'
import { domainStream } from './text-drift-stream.mjs'

const SITES = ['yelp', 'amazon', 'imdb']
/** Seeds of the report, apart from those that settings were chosen with. */
const REPORT = 100

const slda = { adapter: { method: 'slda' } }
const ways = {
  default: {},
  SLDA: slda,
}

/** Of the product: a base by its name in the table. */
export const bases = {
  MiniLM: () => ({ bert: join(userCache(), 'models', 'minilm') }),
  'use-lite': () => 'use-lite',
}

const PEER = 'MiniLM · torch + peft: LoRA at full depth, reservoir of 500'

export async function measure({ seeds, run }) {
  const { tf } = await openTensorFlow({ threads: 1 })
  const found = new Map()
  const keep = (name, figures) => {
    if (figures !== undefined) found.set(name, [...(found.get(name) ?? []), figures])
  }
  for (const seed of seeds.map((each) => REPORT + each)) {
    const parts = domainStream(SITES, seed)
    const measured = async (name, settings, work) =>
      keep(name, await run(`${name} · seed ${seed}`, settings, work))
    for (const [base, choose] of Object.entries(bases))
      for (const [way, settings] of Object.entries(ways)) {
        const model = configOf(choose(), settings)
        await measured(`${base} · ${way}`, learning(model), async () =>
          domainRun({ tf, whole: await openBase(model.base), model, seed, parts }),
        )
      }
    await measured(PEER, peerSettings, () => peerRun('lora', parts, seed))
    for (const [name, guess] of Object.entries(guesses))
      await measured(name, {}, () => guess(parts))
  }
  return tableOf(found)
}

/** What a run depends on: the parts of the config that say how it learns. */
export function learning({ adapter, train, replay, rate, memory, trigger }) {
  return { adapter, train, replay, rate, memory, trigger }
}

export function tableOf(found) {
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
        name,
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
