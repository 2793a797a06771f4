/**
 * From the 202 of one feedback event to the first answer of a version that has learned it, with an update after every
 * event. The asker asks again as soon as it is answered.
 *
 *   node test/bench/speed/freshness-alone.mjs [events]
 */
import { startDaemon, teach } from '../lib/daemon.mjs'
import { finish, latencyOf, machine, say } from '../lib/figures.mjs'
import { sentences } from '../lib/texts.mjs'

const events = Number(process.argv[2] ?? 100)
const warmUp = 10
const startedOn = machine()
const rows = sentences().filter(({ text }) => text.length < 120)
const common = {
  base: 'use-lite',
  labels: ['negative', 'positive'],
  trigger: { policy: 'count', every: 1 },
}
const models = {
  head: { ...common, adapter: { method: 'head' } },
  lora: { ...common, adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 1 } },
}

const result = {}
const daemon = await startDaemon(models)
try {
  for (const model of Object.keys(models)) {
    await teach(daemon.http, model, rows.slice(0, warmUp).map(eventOf))
    const times = []
    for (const [at, row] of rows.slice(warmUp, warmUp + events).entries())
      times.push(await timeOne(model, row, warmUp + at))
    result[model] = latencyOf(times)
    say(`${model}: p50 ${result[model].p50} ms, p99 ${result[model].p99} ms`)
  }
} finally {
  await daemon.stop()
}
finish('freshness', startedOn, {
  events,
  triggerEvery: 1,
  replayed: 16,
  fromAcceptedToChangedMs: result,
})

function eventOf({ text, label }, index) {
  return { id: `e-${index}`, source: 'bench', input: { text }, label }
}

async function timeOne(model, row, index) {
  const path = `/v1/models/${model}`
  const ask = { inputs: [row.text] }
  const before = (await daemon.http.post(`${path}/predict`, ask)).body
  const { status } = await daemon.http.post(`${path}/feedback`, eventOf(row, index))
  const accepted = performance.now()
  if (status !== 202) throw new Error(`feedback: ${status}`)
  for (;;) {
    const { body } = await daemon.http.post(`${path}/predict`, ask)
    const changed =
      body.version !== before.version && body.predictions[0].score !== before.predictions[0].score
    if (changed) return performance.now() - accepted
  }
}
