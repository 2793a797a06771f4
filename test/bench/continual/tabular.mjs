/**
 * Streams of tables, in the order of their files: each example is answered, then learned. One configuration of ours for
 * all of them, the one that a model on `features` has where it leaves the adapter open, beside River's classifiers.
 */
import { join } from 'node:path'
import { experts } from '../../../dist/src/contracts/policy.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { deviation, mean, round } from '../lib/figures.mjs'
import { RIVER_VERSION, riverOn } from '../lib/river.mjs'
import { modelFor, prequential, readStream } from '../lib/tabular-learner.mjs'

const streams = {
  phishing: 'river_phishing',
  bananas: 'river_bananas',
  image_segments: 'river_image_segments',
  elec2: 'elec2',
}

const each = { trigger: { policy: 'count', every: 1 } }
/** What differs from the recipe, and how many of the seeds are enough to show what a part of it brings. */
const variants = [
  { method: '`features`, the recipe', settings: each },
  { method: 'the same, an update for 16 events', settings: {} },
  { method: 'without the mixture', settings: { ...each, memory: { policy: 'none' } }, seeds: 2 },
  { method: 'without pieces', settings: { ...each, features: { bins: 0 } }, seeds: 2 },
  { method: 'without the recent part', settings: { ...each, features: { window: 0 } }, seeds: 2 },
  { method: 'without averaging', settings: { ...each, train: { average: 0 } }, seeds: 2 },
  { method: 'without weight decay', settings: { ...each, train: { weight_decay: 0 } }, seeds: 2 },
  { method: 'without replay', settings: { ...each, train: { replay_batch: 0 } }, seeds: 2 },
  { method: 'without hidden layers', settings: { ...each, features: { hidden: [] } }, seeds: 2 },
]

/** Whether chance has a part in it. */
const river = {
  LogisticRegression: false,
  PAClassifier: false,
  HoeffdingTreeClassifier: false,
  ARFClassifier: true,
  AMFClassifier: true,
}

export async function measure({ data, seeds, run }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { tf } = await openTensorFlow({ threads: 1 })
  const pathOf = (stream) => join(data, 'streams', `${streams[stream]}.jsonl.gz`)
  const rowsOf = rememberLast((stream) => readStream(pathOf(stream)))
  const found = new Map()
  const keep = (method, stream, figures) => {
    if (figures !== undefined)
      found.set(method, [...(found.get(method) ?? []), { stream, ...figures }])
  }
  for (const stream of Object.keys(streams)) {
    const { length } = rowsOf(stream)[0].features
    keep(
      'last label',
      stream,
      await run(`last label ${stream}`, {}, () => lastLabel(rowsOf(stream))),
    )
    for (const { method, settings, seeds: most = Infinity } of variants)
      for (const seed of seeds.slice(0, most)) {
        const own = learning(modelFor(length, settings))
        const trial = () => ours(rowsOf(stream), { tf, settings, seed })
        keep(method, stream, await run(`${method} ${stream} seed ${seed}`, own, trial))
      }
    for (const [model, isRandom] of Object.entries(river))
      for (const seed of isRandom ? seeds : seeds.slice(0, 1)) {
        const trial = async () => rounded(await riverOn(model, pathOf(stream), seed))
        const own = { river: RIVER_VERSION }
        keep(model, stream, await run(`River ${model} ${stream} seed ${seed}`, own, trial))
      }
  }
  return tableOf(found)
}

function tableOf(found) {
  const names = Object.keys(streams)
  const methods = [...variants.map(({ method }) => method), ...Object.keys(river), 'last label']
  return {
    columns: ['method', ...names, 'seeds', 'examples/s of CPU on elec2'],
    rows: methods.map((method) => {
      const all = found.get(method) ?? []
      const of = (stream) => all.filter((figures) => figures.stream === stream)
      const speeds = of('elec2').flatMap(({ perSecond }) => perSecond ?? [])
      return [
        method in river ? `River \`${method}\`` : method,
        ...names.map((stream) => cell(of(stream), bestOf(found, stream))),
        Math.max(0, ...names.map((stream) => of(stream).length)),
        speeds.length > 0 ? Math.round(mean(speeds)) : '',
      ]
    }),
    note: `Prequential accuracy in %, mean ± standard deviation over seeds; bold is the best of a stream. River ${RIVER_VERSION} with its own defaults; \`last label\` answers the label that came before. A cell without ± is one run. Test and training together, on one core of a busy machine.`,
  }
}

function bestOf(found, stream) {
  const means = [...found.values()].map((all) => {
    const own = all.filter((figures) => figures.stream === stream)
    return own.length > 0 ? mean(own.map(({ accuracy }) => accuracy)) : 0
  })
  return Math.max(...means)
}

function cell(figures, best) {
  if (figures.length === 0) return 'not measured'
  const values = figures.map(({ accuracy }) => accuracy)
  const spread = values.length > 1 ? ` ± ${deviation(values).toFixed(2)}` : ''
  const middle = mean(values).toFixed(2)
  return mean(values) === best ? `**${middle}**${spread}` : `${middle}${spread}`
}

async function ours(rows, options) {
  const { dropped, updates, ...figures } = await prequential(rows, options)
  return { ...rounded(figures), updates, dropped }
}

function rounded({ accuracy, perSecond }) {
  return { accuracy: round(100 * accuracy), perSecond: Math.round(perSecond) }
}

function lastLabel(rows) {
  const right = rows.filter(({ label }, at) => label === rows[at - 1]?.label).length
  return { accuracy: round((100 * right) / rows.length) }
}

/** What decides the figures of a run: not what is off. */
function learning({ base, adapter, train: all, replay, memory, regularizer, trigger, rate }) {
  const { patience, ...others } = all
  const train = patience === 0 ? others : all
  const own = memory.policy === 'mixture' ? { experts } : {}
  return { base, adapter, train, replay, memory, forgetting: regularizer, trigger, rate, ...own }
}

function rememberLast(work) {
  let last
  return (key) => {
    if (last?.key !== key) last = { key, value: work(key) }
    return last.value
  }
}
