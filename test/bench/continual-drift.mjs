/**
 * Drift: how many events pass from a change to the alarm, how many alarms there are before it, and what becomes of the
 * accuracy, for each drift trigger and what it does about an alarm, beside updates by count alone. The model is the one
 * that `features` has where its config leaves the adapter open.
 */
import { openBase } from '../../dist/src/config/model-parts.js'
import { openTensorFlow } from '../../dist/src/nn/tfjs/tensorflow.js'
import { openTrunkEngine } from '../../dist/src/nn/onnx/trunk-engine.js'
import { driftStream, driftStreams } from './drift-streams.mjs'
import { detectors, responses, tableOf, WINDOW } from './drift-table.mjs'
import { mean, round } from './figures.mjs'
import { modelFor, openTabularLearner } from './tabular-learner.mjs'
import { labelled } from './task.mjs'

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
