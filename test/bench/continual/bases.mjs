/**
 * Which base for which work: each frozen base, and several side by side, under one closed form, on intents, on topics and on
 * tone. What a closed form learns does not depend on the order, so one run is enough; the halves of `tone` are drawn by seed.
 *
 * `chosen` is measured on development data (`chosen-text.mjs` says which), `test` on the test sets.
 */
import { openPulled } from '../../../dist/src/bases/pulled/pulled.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { text } from '../../../dist/src/payloads/inputs/text.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { validationOf } from './chosen-text.mjs'
import { spread } from './text-table.mjs'
import { labelled } from '../lib/learner.mjs'
import { encodedOf, latentsOf } from '../lib/text-latents.mjs'
import { answers, learn, openTextLearner, seenBy } from '../lib/text-learner.mjs'
import { readTexts, shuffled } from '../lib/text-stream.mjs'
import { sentences } from '../lib/texts.mjs'

/** use-lite has two layers. */
const settingsOf = (parts) => ({
  adapter: { method: 'ranpac', features: 1024, depth: parts.includes('use-lite') ? 2 : 3 },
  every: 1000,
})
const alone = ['use-lite', 'static', 'minilm', 'e5-small']
const together = [
  ['minilm', 'static'],
  ['e5-small', 'static'],
  ['minilm', 'e5-small'],
  ['minilm', 'e5-small', 'static'],
]
/** The first part is what the choice is made on. */
const works = [
  ['banking77', 'chosen'],
  ['clinc150', 'chosen'],
  ['banking77', 'test'],
  ['clinc150', 'test'],
  ['topics', 'test'],
  ['tone', 'test'],
]

export async function measure({ data, seeds, run, runs }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { tf } = await openTensorFlow({ threads: 1 })
  const latents = openLatents()
  for (const parts of [...alone.map((name) => [name]), ...together])
    for (const [work, part] of works) {
      if (parts.length > 1 && part === 'test') continue
      const settings = settingsOf(parts)
      for (const seed of work === 'tone' ? seeds : [1])
        await run(`${work} ${part} · ${parts.join(' + ')} · seed ${seed}`, settings, async () => {
          const texts = textsOf(data, work, part, seed)
          const seen = await latents(parts, texts.files)
          return { accuracy: accuracyOf({ tf, parts, texts, seen, settings, seed }) }
        })
    }
  return tableOf(runs())
}

function textsOf(data, work, part, seed) {
  if (work === 'tone') {
    const rows = sentences().map((row, at) => ({ key: `tone-${at}`, ...row }))
    const order = shuffled(rows, openRandom(seed, 'bases/tone'))
    return { files: [rows], train: order.slice(600), test: order.slice(0, 600) }
  }
  if (work === 'topics') {
    const named = ({ domain, ...row }) => ({ ...row, label: domain })
    const read = (name) => readTexts(data, 'clinc150', name).map(named)
    const [train, test] = [read('train'), read('test')]
    return { files: [train, test], train, test }
  }
  const train = readTexts(data, work, 'train')
  if (part === 'chosen') {
    const { test, ...rest } = validationOf(data, work)
    return { files: work === 'clinc150' ? [train, test] : [train], ...rest, test }
  }
  const test = readTexts(data, work, 'test')
  return { files: [train, test], train, test }
}

/** Each file goes once through each base; what came out lies in the user's cache. */
function openLatents() {
  return async (parts, files) => {
    const known = []
    for (const name of parts) {
      const base = seenBy(await open(name), settingsOf(parts))
      const each = []
      for (const rows of files)
        each.push(
          ...(base.rows === 'values'
            ? valuesOf(base, rows)
            : await latentsOf(base, base.network.layers, rows)),
        )
      known.push(new Map(each))
    }
    const keys = files.flatMap((rows) => rows.map(({ key }) => key))
    return new Map(keys.map((key) => [key, joined(known.map((latents) => latents.get(key)))]))
  }
}

const opened = new Map()
async function open(name) {
  if (!opened.has(name))
    opened.set(name, name === 'use-lite' ? await openBase(name) : await openPulled(name))
  return opened.get(name)
}

function valuesOf(base, rows) {
  return new Map(
    rows.map((row) => {
      const { data } = encodedOf(base, row)
      return [row.key, { positions: 1, width: data.length, data }]
    }),
  )
}

function joined(latents) {
  const width = latents.reduce((sum, latent) => sum + latent.width, 0)
  const data = new Float32Array(width)
  let at = 0
  for (const latent of latents) {
    data.set(latent.data, at)
    at += latent.width
  }
  return { positions: 1, width, data }
}

function accuracyOf({ tf, parts, texts, seen, settings, seed }) {
  const { width } = seen.get(texts.train[0].key)
  const base = seenBy(vectors(parts.join(' + '), width), settings)
  const engine = { tf, baseTensors: new BaseTensors(tf, base) }
  const { learner, trainable } = openTextLearner({ engine, base, settings, seed })
  const random = openRandom(seed, 'bases/order')
  const examples = shuffled(texts.train, random).map(({ key, label }) =>
    labelled(key, { data: seen.get(key).data }, label),
  )
  learn(learner, examples, seen)
  const labels = [...new Set(texts.train.map(({ label }) => label))]
  const right = answers(trainable, texts.test, seen, labels).filter(({ all }) => all)
  trainable.dispose()
  engine.baseTensors.dispose()
  return (100 * right.length) / texts.test.length
}

/** A base of ready vectors. */
function vectors(name, width) {
  return {
    name,
    hash: name,
    reads: [text],
    rows: 'values',
    isSmall: true,
    weights: new Map(),
    network: {
      layers: 0,
      width,
      unit: false,
      latentWidth: () => width,
      sites: () => [],
      trunk: (_ops, { values }) => values,
      tail: (_ops, values) => values,
      pool: (_ops, values) => values,
    },
  }
}

function tableOf(runs) {
  const names = [...alone.map((name) => [name]), ...together].map((parts) => parts.join(' + '))
  const cell = (work, part, name) =>
    spread(
      runs
        .filter((run) => run.name.startsWith(`${work} ${part} · ${name} · seed`))
        .map(({ figures }) => figures.accuracy),
    )
  return {
    columns: ['base', ...works.map(([work, part]) => `${work}, ${part}`)],
    rows: names.map((name) => [name, ...works.map(([work, part]) => cell(work, part, name))]),
    note: 'Accuracy in %, RanPAC of 1,024 features over all training texts, the three upper layers of a network (two of use-lite). `chosen`: development data, on which several bases side by side had to win. `topics`: the ten domains of clinc150. `tone`: 2,400 sentences of three sites learned, 600 asked, mean ± standard deviation over seeds.',
  }
}
