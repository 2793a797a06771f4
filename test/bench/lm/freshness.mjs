/**
 * How soon a language model answers differently: from the 202 of a correction to the first answer whose text has changed, by a version
 * that has learned the correction, with an update after every event (LoRA r 8 on the top four layers; of the tiny model on its last one).
 * The asker asks the same question again as soon as it is answered. `trainerMs`: CPU time of the trainer for one correction.
 *
 *   npm run bench -- lm freshness [--events 12] [--only tiny,smollm2] [--fresh]
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { conversation } from '../../../dist/src/cli/demo/chat/daemon.js'
import { taughtAnswers } from '../../../dist/src/cli/demo/chat/data.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { startDaemon } from '../lib/daemon.mjs'
import { cpuMsOf, latencyOf, machine, round, say } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'

const tiny = fileURLToPath(new URL('../../reference/tiny-causal/llama', import.meta.url))
const TOKENS = 16
const usual = {
  task: { generation: { max_tokens: TOKENS, temperature: 0, general_batch: 0 } },
  max_tokens: 256,
  trigger: { policy: 'count', every: 1, rest: 0 },
  promotion: { policy: 'always' },
  train: { learning_rate: 0.002, batch: 8, replay_batch: 8, epochs: 3 },
}
const lora = (tail_layers) => ({ method: 'lora', rank: 8, alpha: 16, tail_layers })
const MODELS = {
  tiny: { ...usual, base: { causal: tiny }, adapter: lora(1) },
  smollm2: { ...usual, base: 'smollm2', adapter: lora(4) },
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      events: { type: 'string', default: '12' },
      only: { type: 'string', default: Object.keys(MODELS).join(',') },
      fresh: { type: 'boolean', default: false },
    },
  })
  const events = Number(values.events)
  const results = openResults('lm-freshness', { machine: machine(), fresh: values.fresh })
  const rows = []
  for (const name of values.only.split(',')) {
    const settings = { events, tokens: TOKENS, epochs: usual.train.epochs }
    const figures = await results.run(name, settings, () => measured(MODELS[name], events))
    rows.push({ name, ...figures })
  }
  results.show(rows)
  return { rows }
}

async function measured(model, events) {
  const daemon = await startDaemon({ model }, { limits: { request_ms: 300_000 } })
  try {
    const rows = taughtAnswers(openRandom(1, 'demo')).slice(0, events + 1)
    const ask = asking(daemon.http)
    const { trainer } = (await daemon.http.get('/v1/models/model')).body
    const times = []
    for (const [at, row] of rows.entries()) {
      const before = cpuMsOf(trainer)
      const time = await timeOne(daemon.http, ask, row)
      times.push({ ...time, trainerMs: cpuMsOf(trainer) - before })
      say(`${at}: ${JSON.stringify(times.at(-1))}`)
    }
    // The first event makes what is made once.
    const kept = times.slice(1)
    const of = (key) => latencyOf(kept.map((time) => time[key]))
    const answers = kept.filter(({ changedMs }) => changedMs !== undefined)
    return {
      changedMs: latencyOf(answers.map(({ changedMs }) => changedMs)),
      versionMs: of('versionMs'),
      answerMs: of('answerMs'),
      trainerMs: of('trainerMs'),
      unchanged: kept.length - answers.length,
    }
  } finally {
    await daemon.stop()
  }
}

function asking(http) {
  const path = '/v1/models/model/predict'
  return async (question) => {
    const body = {
      inputs: [conversation(question)],
      generate: { max_tokens: TOKENS, temperature: 0 },
    }
    const answer = await http.post(path, body)
    if (answer.status !== 200) throw new Error(`predict: ${JSON.stringify(answer.body)}`)
    const [{ id, text }] = answer.body.predictions
    return { id, text, version: answer.body.version }
  }
}

/** Of one correction; `changedMs` is undefined where the version that learned it writes the old text. */
async function timeOne(http, ask, { question, answer }) {
  const asked = performance.now()
  const before = await ask(question)
  const answerMs = performance.now() - asked
  const event = { prediction_id: before.id, correction: answer }
  const { status, body } = await http.post('/v1/models/model/feedback', event)
  if (status !== 202) throw new Error(`feedback: ${JSON.stringify(body)}`)
  const accepted = performance.now()
  for (;;) {
    const { text, version } = await ask(question)
    if (version === before.version) continue
    const took = round(performance.now() - accepted)
    return {
      answerMs: round(answerMs),
      versionMs: took,
      ...(text !== before.text && { changedMs: took }),
    }
  }
}
