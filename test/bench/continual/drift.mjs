/**
 * Drift: how many events pass from a change to the alarm, how many alarms there are before it, and what becomes of the
 * accuracy, for each drift trigger and what it does about an alarm, beside updates by count alone. The model is the one
 * that `features` has where its config leaves the adapter open.
 */
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { driftStream, driftStreams } from '../lib/drift-streams.mjs'
import { mean, round, spread } from '../lib/figures.mjs'
import { modelFor, openTabularLearner } from '../lib/tabular-learner.mjs'
import { labelled } from '../lib/learner.mjs'

const WINDOW = 500
const detectors = ['adwin', 'ddm', 'page-hinkley', 'kswin']
const responses = ['report', 'raise-rate', 'fresh-replay', 'fresh-adapter']
const EVERY = 16
const count = { policy: 'count', every: EVERY }
/** Without a detector: as it is, and with little that could be rehearsed in its old meaning. */
const plain = {
  count: { trigger: count },
  'count, 200 kept': { trigger: count, replay: { policy: 'recent', capacity: 200 } },
}
const detecting = detectors.flatMap((policy) =>
  responses.map((on_drift) => [
    `${policy} ${on_drift}`,
    { trigger: { policy, every: EVERY, on_drift } },
  ]),
)
const ways = { ...plain, ...Object.fromEntries(detecting) }
const guesses = { 'last label': lastLabel, majority }

export async function measure({ data, seeds, run }) {
  if (data === undefined) throw new Error('--data <folder> says where the datasets lie')
  const { tf } = await openTensorFlow({ threads: 1 })
  const found = []
  for (const seed of seeds)
    for (const stream of Object.keys(driftStreams)) {
      const read = rememberOnce(() => driftStream(stream, { seed, data }))
      const keep = async (way, settings, follow) => {
        const work = async () => figuresOf(await follow(read().rows), read().change)
        const figures = await run(`${stream} · ${way} · seed ${seed}`, settings, work)
        if (figures !== undefined) found.push({ stream, way, figures })
      }
      for (const [way, settings] of Object.entries(ways))
        await keep(way, settings, (rows) => learned(rows, { tf, settings, seed }))
      for (const [way, guess] of Object.entries(guesses)) await keep(way, {}, guess)
    }
  return tableOf(found, { plain: Object.keys(plain), guesses: Object.keys(guesses) })
}

/** Whether each event was answered rightly before it was learned, and the places of the alarms. */
async function learned(rows, { tf, settings, seed }) {
  const model = modelFor(rows[0].features.length, settings)
  const base = await openBase(model.base)
  const trunk = await openTrunkEngine(base, 0)
  const { learner, trainable } = openTabularLearner(model, base, { tf, seed, limit: 64 })
  const latentsOf = (examples) =>
    new Map(examples.map(({ key, encoded }) => [key, trunk.encodeNow(encoded)]))
  const [right, alarms] = [[], []]
  for (const [at, { features, label }] of rows.entries()) {
    const encoded = base.encode({ kind: 'features', features }, 0)
    const example = labelled(`stream\0${at}`, encoded, label)
    const latents = latentsOf([example])
    const [logits] = trainable.score([...latents.values()])
    right.push(trainable.head[logits.indexOf(Math.max(...logits))] === label)
    const { verdict, alarm } = learner.accept(example, latents, 0)
    if (alarm !== undefined) alarms.push(at)
    if (verdict === 'wait') continue
    const told = learner.update()
    for (let next = told.next(); next.done !== true;) next = told.next(latentsOf(next.value))
  }
  trainable.dispose()
  await trunk.close()
  return { right, alarms }
}

function lastLabel(rows) {
  return { right: rows.map(({ label }, at) => label === rows[at - 1]?.label), alarms: [] }
}

/** Of all labels so far. */
function majority(rows) {
  const counts = new Map()
  let most
  const right = rows.map(({ label }) => {
    const isRight = label === most
    counts.set(label, (counts.get(label) ?? 0) + 1)
    if (most === undefined || counts.get(label) > counts.get(most)) most = label
    return isRight
  })
  return { right, alarms: [] }
}

function figuresOf({ right, alarms }, change) {
  const after = alarms.filter((at) => at >= change)
  const accuracy = (from) => round(100 * mean(right.slice(from, from + WINDOW).map(Number)))
  return {
    delay: after.length === 0 ? null : after[0] - change + 1,
    falseAlarms: alarms.length - after.length,
    alarms: alarms.length,
    before: accuracy(change - WINDOW),
    after: accuracy(change),
    end: accuracy(right.length - WINDOW),
  }
}

function rememberOnce(work) {
  let made
  return () => (made ??= work())
}

/** Accuracy is a mean over so many events. */

export function tableOf(found, { plain, guesses }) {
  const columns = [
    ...['stream', 'trigger', 'events to alarm', 'false alarms', 'before'],
    ...responses.map((response) => `just after: ${response}`),
    ...responses.map((response) => `at the end: ${response}`),
  ]
  const rows = Object.keys(driftStreams).flatMap((stream) =>
    [...plain, ...detectors, ...guesses].map((way) => rowOf(stream, way, found)),
  )
  const [stream] = Object.keys(driftStreams)
  const seeds = found.filter((one) => one.stream === stream && one.way === 'count').length
  return { columns, rows, note: `Mean ± standard deviation over ${seeds} seeds. ${note}` }
}

function rowOf(stream, way, found) {
  const of = (name) =>
    found.flatMap((one) => (one.stream === stream && one.way === name ? [one.figures] : []))
  const isDetector = detectors.includes(way)
  const own = of(isDetector ? `${way} report` : way)
  const accuracies = (field) =>
    responses.map((response, at) => {
      if (isDetector) return spread(of(`${way} ${response}`).map((figures) => figures[field]))
      return at === 0 ? spread(own.map((figures) => figures[field])) : ''
    })
  return [
    ...[stream, way],
    isDetector ? alarmCell(own) : '',
    isDetector ? spread(own.map(({ falseAlarms }) => falseAlarms)) : '',
    spread(own.map(({ before }) => before)),
    ...accuracies('after'),
    ...accuracies('end'),
  ]
}

function alarmCell(own) {
  const delays = own.flatMap(({ delay }) => delay ?? [])
  const missed = own.length - delays.length
  if (missed === 0) return spread(delays, 0)
  return delays.length === 0 ? 'none' : `${spread(delays, 0)}; ${missed} of ${own.length} none`
}

const note = [
  'Events from the first one of the change to the first alarm after it, and alarms before',
  'it, both where alarms are only reported; a seed without an alarm after the change is counted as none. Accuracy in %, each event',
  `answered before it is learned: in the last ${WINDOW} events before the change, in the ${WINDOW} after its beginning, and in the last`,
  `${WINDOW} of the stream. An update after 16 events; detectors with their defaults.`,
].join(' ')
