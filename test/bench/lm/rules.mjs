/**
 * Whether 48 completions teach a rule of form: a daemon with the template of `init chat` learns answers in one of four forms, by its
 * defaults and by other settings, and is asked questions on other topics. Beside it the loss on instructions of every other
 * kind, which nothing teaches. The forms are not that of the chat demo.
 *
 *   npm run bench -- lm rules [--events 48] [--questions 20] [--seeds 1,2,3] [--only default] [--fresh]
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { openLosses } from '../../../dist/src/cli/demo/chat/losses.js'
import { conversation } from '../../../dist/src/cli/demo/chat/daemon.js'
import { taughtTopics, validationQuestions } from '../../../dist/src/cli/demo/chat/data.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { passesOver } from '../../../dist/src/learner/updates/training.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { startDaemon } from '../lib/daemon.mjs'
import { round, say, spread } from '../lib/figures.mjs'
import { lmResults, shuffledBy } from './learner.mjs'
import { render } from '../lib/render.mjs'

const TOKENS = 48
/** As the template has it, but for what must be the same in every run. */
const { models } = parse(
  readFileSync(new URL('../../../deploy/templates/chat.yaml', import.meta.url), 'utf8'),
)
const chat = {
  ...models.support,
  task: { generation: { max_tokens: TOKENS, temperature: 0 } },
  trigger: { policy: 'count', every: 16, rest: 0 },
}
const three = { epochs: 3 }
const fourLayers = {
  adapter: { method: 'lora', tail_layers: 4 },
  task: { generation: { ...chat.task.generation, general_batch: 0 } },
}
const WAYS = {
  default: {},
  'three passes, four general answers a step': {
    train: three,
    task: { generation: { ...chat.task.generation, general_batch: 4 } },
  },
  'three passes': { train: three },
  'five passes': { train: { epochs: 5 } },
  'three passes, four layers at rate .002, no general answers': {
    ...fourLayers,
    train: { learning_rate: 0.002, batch: 8, replay_batch: 8, ...three },
  },
  'the same, one pass of batches of 16 at rate .001': {
    ...fourLayers,
    train: { learning_rate: 0.001, batch: 16, replay_batch: 16, epochs: 1 },
  },
}
/** What decides of a model how it learns, so that a run is made again where a default has changed. */
function chosenBy(settings) {
  const { models } = parseConfig(
    JSON.stringify({ models: { support: { ...chat, ...settings } } }),
    '/',
  )
  const { adapter, train, task, rate } = models.support
  const passes = passesOver(chat.trigger.every, 0, train, { texts: true })
  return { adapter, train, passes, rate, general_batch: task.generation.general_batch }
}
/** Of each form: how it writes a fact and a step, and whether an answer has it. */
const FORMS = {
  'greets and asks back': {
    write: (fact, step) => `Hello! ${fact} Please ${step} Does that help?`,
    has: (text) => text.startsWith('Hello!') && text.endsWith('Does that help?'),
  },
  'two numbered lines': {
    write: (fact, step) => `1. ${fact}\n2. ${step[0].toUpperCase()}${step.slice(1)}`,
    has: (text) => /^1\. [^\n]+\n2\. [^\n]+$/.test(text),
  },
  'small letters and a signature': {
    write: (fact, step) => `${fact} ${step} -- the shop`.toLowerCase(),
    has: (text) => text === text.toLowerCase() && text.endsWith('-- the shop'),
  },
  // Nothing was chosen on it.
  'JSON of two keys': {
    write: (fact, step) => JSON.stringify({ answer: fact, next: step }),
    has: (text) => keysOf(text)?.join() === 'answer,next',
  },
}

/** Of a JSON object; undefined if it is none. */
function keysOf(text) {
  try {
    return Object.keys(JSON.parse(text))
  } catch {
    return undefined
  }
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      events: { type: 'string', default: '48' },
      questions: { type: 'string', default: '20' },
      seeds: { type: 'string', default: '1,2,3' },
      only: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const [events, questions] = [Number(values.events), Number(values.questions)]
  const results = lmResults('rules', { fresh: values.fresh })
  const found = new Map()
  for (const seed of values.seeds.split(',').map(Number))
    for (const [way, settings] of Object.entries(WAYS))
      for (const form of Object.keys(FORMS)) {
        const name = `${form} · ${way}`
        const asked = { events, questions, seed }
        const figures = await results.run(
          `${name} · seed ${seed}`,
          { ...asked, ...chosenBy(settings) },
          () => taught({ ...chat, ...settings }, FORMS[form], asked),
          values.only?.split(','),
        )
        if (figures !== undefined) found.set(name, [...(found.get(name) ?? []), figures])
      }
  const table = tableOf(found, { events, questions })
  results.show(table)
  await render()
  return table
}

function tableOf(found, { events, questions }) {
  const inOrder = Object.keys(FORMS).flatMap((form) =>
    Object.keys(WAYS).flatMap((way) => {
      const runs = found.get(`${form} · ${way}`)
      return runs === undefined ? [] : [{ form, way, runs }]
    }),
  )
  return {
    columns: [
      ...['rule of form', 'setting', 'obeyed before', `after ${events} completions`],
      ...['loss of other instructions before', 'after', 'seeds'],
    ],
    rows: inOrder.map(({ form, way, runs }) => {
      const over = (figure, digits) => spread(runs.map(figure), digits)
      return [
        ...[form, way, over(({ obeyedBefore }) => obeyedBefore), over(({ obeyed }) => obeyed)],
        ...[0, 1].map((at) => over(({ general }) => general[at], 2)),
        runs.length,
      ]
    }),
    note: `Obeyed: in % of the likeliest answers to ${questions} questions on topics that nothing teaches, at most ${TOKENS} tokens. Loss: of a token of right answers to instructions of every other kind, under the same system message; nothing of them is replayed. Mean ± standard deviation over seeds, which draw the completions, their order, the replay and the first weights.`,
  }
}

/** What the base answers, which is the same for every model: nothing is learned yet. */
let base

async function taught(model, form, { events, questions, seed }) {
  const limits = { request_ms: 300_000, generation_texts: questions + 1 }
  const daemon = await startDaemon({ support: model }, { seed, limits })
  try {
    const asked = validationQuestions.slice(0, questions).map(({ question }) => question)
    const { version, answers } = (base ??= await stage(daemon, form, asked))
    const before = { version, answers, obeyed: obeyedOf(answers, form) }
    const rows = rowsOf(form, seed).slice(0, events)
    const sent = { events: rows.map((row, at) => ({ id: `rule-${at}`, ...row })) }
    const reply = await daemon.http.post('/v1/models/support/feedback', sent)
    if (reply.status !== 202) throw new Error(`feedback: ${JSON.stringify(reply.body)}`)
    const began = performance.now()
    for (;;) {
      const { body } = await daemon.http.get('/v1/models/support')
      if (body.counts.learned >= events && body.counts.pending !== 1 && body.lag === 0) break
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    const { position } = reply.body
    await daemon.http.post(`/v1/models/support/predict?wait_for=${position}`, {
      inputs: [conversation(asked[0])],
      generate: { max_tokens: 1 },
    })
    const seconds = round((performance.now() - began) / 1000, 0)
    const after = await stage(daemon, form, asked)
    // Before the losses: they keep this process busy for so long that the daemon closes its connections.
    const cpuSeconds = await cpuSecondsOf(daemon)
    const losses = await openLosses(
      parseConfig(JSON.stringify(daemon.config), daemon.folder),
      'support',
    )
    const lossOf = async ({ version, answers }) =>
      round((await losses.of('support', version, answers)).general, 3)
    return {
      obeyedBefore: before.obeyed,
      obeyed: after.obeyed,
      general: [(base.general ??= await lossOf(before)), await lossOf(after)],
      seconds,
      cpuSeconds,
      example: after.answers[0],
    }
  } finally {
    await daemon.stop()
  }
}

/** Of all updates. */
async function cpuSecondsOf({ http }) {
  const { body } = await http.get('/v1/models/support/versions')
  const spent = body.versions.map(({ compute }) => compute?.cpu_seconds ?? 0)
  return round(
    spent.reduce((sum, seconds) => sum + seconds, 0),
    0,
  )
}

/** In %, of answers to questions that nothing teaches. */
async function stage(daemon, form, questions) {
  const replies = await Promise.all(
    questions.map((question) =>
      daemon.http.post('/v1/models/support/predict', { inputs: [conversation(question)] }),
    ),
  )
  for (const { status, body } of replies)
    if (status !== 200) throw new Error(`predict: ${JSON.stringify(body)}`)
  const answers = replies.map(({ body }) => body.predictions[0].text)
  const { version } = replies[0].body
  const obeyed = obeyedOf(answers, form)
  say(`${version}: ${obeyed} %, such as ${JSON.stringify(answers[0])}`)
  return { version, obeyed, answers }
}

function obeyedOf(answers, { has }) {
  return round((100 * answers.filter((text) => has(text.trim())).length) / answers.length)
}

function rowsOf({ write }, seed) {
  const random = openRandom(seed, 'rules')
  const one = (of) => of[random.below(of.length)]
  const rows = taughtTopics.flatMap(({ questions, facts, steps }) =>
    questions.map((question) => ({
      input: conversation(question),
      completion: write(one(facts), one(steps)),
    })),
  )
  return shuffledBy(seed, rows)
}
