/**
 * What practice teaches: a model with the template of `init chat` answers questions to a support desk eight times each, and learns what
 * a program says of its answers: that they end, name what the question is about, and are short. Beside it the same steps with rewards
 * that say nothing, the hash of the answer. Both are asked the same questions on other topics, which nothing practises.
 *
 *   npm run bench -- lm practice [--prompts 24] [--rounds 2] [--questions 20] [--seeds 1] [--only brief] [--fresh]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { conversation } from '../../../dist/src/cli/demo/chat/daemon.js'
import { taughtTopics, validationQuestions } from '../../../dist/src/cli/demo/chat/data.js'
import { openLosses } from '../../../dist/src/cli/demo/chat/losses.js'
import { parseConfig } from '../../../dist/src/config/config.js'
import { startDaemon, untilLearned } from '../lib/daemon.mjs'
import { mean, round, say, spread } from '../lib/figures.mjs'
import { render } from '../lib/render.mjs'
import { lmResults, shuffledBy } from './learner.mjs'

const TOKENS = 48
/** Prompts whose answers one version writes. */
const LOT = 8
const { models } = parse(
  readFileSync(new URL('../../../deploy/templates/chat.yaml', import.meta.url), 'utf8'),
)
/** A program for each side, as a user would write it. `facts`: the question. */
const PROGRAMS = {
  brief: `export default ({ answer, finish_reason, facts }) => {
  if (finish_reason !== 'stop') return 0
  const words = answer.toLowerCase().match(/[a-z']+/g) ?? []
  const about = facts.toLowerCase().match(/[a-z]{5,}/g) ?? []
  const named = about.some((word) => words.includes(word)) ? 1 : 0.2
  return named * Math.max(0, Math.min(1, (60 - words.length) / 40))
}`,
  nothing: `import { createHash } from 'node:crypto'
export default ({ answer }) => createHash('sha256').update(answer).digest()[0] / 255`,
}
const { default: worth } = await import(
  `data:text/javascript,${encodeURIComponent(PROGRAMS.brief)}`
)

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      prompts: { type: 'string', default: '24' },
      rounds: { type: 'string', default: '2' },
      questions: { type: 'string', default: '20' },
      seeds: { type: 'string', default: '1' },
      only: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const [prompts, rounds, questions] = ['prompts', 'rounds', 'questions'].map((name) =>
    Number(values[name]),
  )
  const results = lmResults('practice', { fresh: values.fresh })
  const found = new Map(Object.keys(PROGRAMS).map((side) => [side, []]))
  for (const seed of values.seeds.split(',').map(Number))
    for (const [side, program] of Object.entries(PROGRAMS)) {
      const settings = { prompts, rounds, questions, tokens: TOKENS, samples: 8, program, seed }
      const figures = await results.run(
        `${side} · seed ${seed}`,
        settings,
        async () => practised(settings),
        values.only?.split(','),
      )
      if (figures !== undefined) found.get(side).push(figures)
    }
  const table = tableOf(found, { prompts, rounds, questions })
  results.show(table)
  await render()
  return table
}

function tableOf(found, { prompts, rounds, questions }) {
  const over = (runs, figure, digits) => spread(runs.map(figure), digits)
  return {
    columns: [
      ...['rewards', 'reward of others before', 'after', 'words of an answer before', 'after'],
      ...['loss of other instructions before', 'after', 'seeds'],
    ],
    rows: [...found].map(([side, runs]) => [
      { brief: 'what the program says', nothing: 'the hash of the answer' }[side],
      ...['before', 'after'].map((when) => over(runs, (run) => 100 * run[when].reward)),
      ...['before', 'after'].map((when) => over(runs, (run) => run[when].words)),
      ...['before', 'after'].map((when) => over(runs, (run) => run[when].general, 2)),
      runs.length,
    ]),
    note: `Reward: in %, by the same program, of the likeliest answers to ${questions} questions on topics that nothing practises, at most ${TOKENS} tokens. Practised: ${rounds} rounds of ${prompts} questions, eight answers each. Loss: of a token of right answers to instructions of every other kind. Mean ± standard deviation over seeds.`,
  }
}

async function practised({ prompts, rounds, questions, samples, program, seed }) {
  const folder = mkdtempSync(join(tmpdir(), 'antikythera-practice-'))
  const reward = join(folder, 'check.mjs')
  writeFileSync(reward, program)
  const model = {
    ...models.support,
    task: { generation: { max_tokens: TOKENS, temperature: 0, reward } },
    trigger: { policy: 'count', every: LOT, rest: 0 },
    promotion: { policy: 'always' },
  }
  const limits = { request_ms: 300_000, generation_texts: questions + 1 }
  const daemon = await startDaemon({ support: model }, { seed, limits })
  try {
    const asked = validationQuestions.slice(0, questions).map(({ question }) => question)
    const before = await stage(daemon, asked)
    const all = shuffledBy(
      seed,
      taughtTopics.flatMap((topic) => topic.questions),
    ).slice(0, prompts)
    const curve = []
    for (let round = 0; round < rounds; round += 1)
      for (let from = 0; from < all.length; from += LOT)
        curve.push(await practiseLot(daemon, all.slice(from, from + LOT), samples))
    const after = await stage(daemon, asked)
    const config = parseConfig(JSON.stringify(daemon.config), daemon.folder)
    const losses = await openLosses(config, 'support')
    const lossOf = async ({ version, answers }) =>
      round((await losses.of('support', version, answers)).general, 3)
    return {
      before: { ...before.figures, general: await lossOf(before) },
      after: { ...after.figures, general: await lossOf(after) },
      curve,
      examples: after.answers.slice(0, 3),
    }
  } finally {
    await daemon.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The mean reward of the answers, as its program says; when it returns they are learned. */
async function practiseLot({ http }, questions, samples) {
  const began = performance.now()
  const rewards = []
  let position
  for (const question of questions) {
    const body = { input: conversation(question), facts: question, samples }
    const { status, body: answer } = await http.post('/v1/models/support/practice', body)
    if (status !== 200) throw new Error(`practice: ${JSON.stringify(answer)}`)
    rewards.push(...answer.answers.map(({ reward }) => reward))
    position = answer.position ?? position
  }
  const wrote = performance.now()
  if (position !== undefined) await untilLearned(http, `/v1/models/support?wait_for=${position}`)
  const [writing, learning] = [wrote - began, performance.now() - wrote].map((ms) =>
    round(ms / 1000),
  )
  const figures = { reward: round(mean(rewards), 3), writing, learning }
  say(JSON.stringify(figures))
  return figures
}

/** Of the likeliest answers to questions that nothing practises. */
async function stage({ http }, questions) {
  const replies = await Promise.all(
    questions.map((question) =>
      http.post('/v1/models/support/predict', { inputs: [conversation(question)] }),
    ),
  )
  const said = replies.map(({ status, body }) => {
    if (status !== 200) throw new Error(`predict: ${JSON.stringify(body)}`)
    return body.predictions[0]
  })
  const answers = said.map(({ text }) => text)
  const rewards = said.map(({ text: answer, finish_reason }, at) =>
    worth({ answer, finish_reason, facts: questions[at] }),
  )
  const words = mean(answers.map((text) => text.split(/\s+/).length))
  const figures = { reward: round(mean(rewards), 3), words: round(words, 1) }
  say(`${JSON.stringify(figures)}, such as ${JSON.stringify(answers[0])}`)
  return { version: replies[0].body.version, answers, figures }
}
