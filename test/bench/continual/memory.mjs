/**
 * Fine-tune or retrieve? Twenty intents of banking77 on MiniLM, one example of each after the other: instant memory alone,
 * adapters alone, and both. How good they are after so many examples, what one correction does at once, how soon a new label
 * is answered, and what happens when labels change places.
 */
import { join } from 'node:path'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { answerCosts } from './memory-cost.mjs'
import { never, openMemoryLearner } from './memory-learner.mjs'
import { rounds, tableOf } from './memory-table.mjs'
import { split, trial } from './memory-trial.mjs'
import { latentsOf } from '../lib/text-latents.mjs'
import { adapterOf, seenBy } from '../lib/text-learner.mjs'
import { readTexts } from '../lib/text-stream.mjs'

const LABELS = 20
/** All that has come when memory is asked what an answer costs. */
const KEPT = LABELS * rounds.at(-1)
const knn = (capacity) => ({ policy: 'knn', capacity })
const [head, lora] = [{ method: 'head' }, { method: 'lora', rank: 8, alpha: 16, tail_layers: 1 }]
const replay = { policy: 'reservoir', capacity: 2000 }

const ways = {
  'memory alone, 256 kept': { adapter: head, memory: knn(256), every: never },
  'memory alone, 4096 kept': { adapter: head, memory: knn(4096), every: never },
  head: { adapter: head, replay },
  'head, an update for each event': { adapter: head, replay, every: 1 },
  slda: { adapter: { method: 'slda', depth: 1 } },
  lora: { adapter: lora, replay },
  'head and memory': { adapter: head, replay, memory: knn(256) },
  'head and memory, threshold 0.6': {
    ...{ adapter: head, replay },
    memory: { ...knn(256), threshold: 0.6 },
  },
  'lora and memory': { adapter: lora, replay, memory: knn(256) },
}

export async function measure({ data, seeds, run }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { tf } = await openTensorFlow({ threads: 1 })
  const base = await openBase({ bert: join(userCache(), 'models', 'minilm') })
  const engine = { tf, baseTensors: new BaseTensors(tf, base) }
  const texts = chosen(data)
  const found = []
  for (const seed of seeds)
    for (const [way, settings] of Object.entries(ways)) {
      const figures = await run(`${way} · seed ${seed}`, settings, async () => {
        const latents = await latentsFor(base, settings, texts)
        const open = () => openMemoryLearner({ engine, base, settings, seed, latents })
        return trial(open, split(texts, seed))
      })
      if (figures !== undefined) found.push({ way, figures })
    }
  const costs = await run('cost of an answer', { ways, kept: KEPT }, () =>
    answerCosts(base, ways, texts, KEPT),
  )
  return tableOf(Object.keys(ways), found, costs)
}

/** The rows of the first labels that have enough, and one label more, which comes late. */
function chosen(data) {
  const [train, test] = ['train', 'test'].map((part) => readTexts(data, 'banking77', part))
  const count = (label) => train.filter((row) => row.label === label).length
  const labels = [...new Set(train.map(({ label }) => label))].sort()
  const some = labels.filter((label) => count(label) >= rounds.at(-1) + 20).slice(0, LABELS + 1)
  const of = (rows) => rows.filter(({ label }) => some.includes(label))
  return { labels: some.slice(0, LABELS), late: some[LABELS], train: of(train), test: of(test) }
}

async function latentsFor(whole, settings, { train, test }) {
  const base = seenBy(whole, settings)
  const cut = cutOf(adapterOf(settings).tail_layers, base.network.layers)
  return new Map([...(await latentsOf(base, cut, train)), ...(await latentsOf(base, cut, test))])
}
