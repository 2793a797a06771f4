/**
 * What thumbs do to a model that has learned a style: the chat demo's completions, then thumbs on answers that it draws itself, learned in
 * several ways from the same weights. Measured on the demo's validation questions, which nothing learns from and the demo does not report:
 * the share of answers in the style, and the loss of a token of right answers there and on other instructions.
 *
 *   npm run bench -- lm thumbs [--seeds 1,2] [--only now,liked] [--answers no] [--base tiny] [--fresh]
 *
 * `--answers no` leaves the answers out and measures losses alone. Steps are those of the daemon; rows and replay are drawn as the demo
 * draws them, but not the same ones.
 */
import { parseArgs } from 'node:util'
import { parseConfig } from '../../../dist/src/config/config.js'
import { chatConfig, every, mostTokens } from '../../../dist/src/cli/demo/chat/daemon.js'
import { conversation } from '../../../dist/src/cli/demo/chat/daemon.js'
import {
  generalHeldOut,
  generalTaught,
  taughtAnswers,
  validationQuestions,
} from '../../../dist/src/cli/demo/chat/data.js'
import { judge } from '../../../dist/src/cli/demo/chat/measure.js'
import { thumb } from '../../../dist/src/cli/demo/chat/lessons.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { mean, round, say } from '../lib/figures.mjs'
import { lmResults, openLmLearner, rewards, shuffledBy, tokenLosses } from './learner.mjs'

/** Settings of the task, `learning_rate` among them. `now` is the demo's own; `replay` learns no thumb, only what is replayed beside. */
const RECIPES = {
  now: {},
  replay: { up_weight: 0, down_weight: 0 },
  liked: { liked_weight: 1 },
  'liked alone': { liked_weight: 1, up_weight: 0, down_weight: 0 },
  'liked and a quarter': { liked_weight: 1, up_weight: 0.25, down_weight: 0.25 },
  'a quarter': { up_weight: 0.25, down_weight: 0.25 },
  'a quarter of down': { down_weight: 0.25 },
  'beta 0.5': { beta: 0.5 },
  slower: { learning_rate: 0.0005 },
}
const STYLED = 4 * every

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      seeds: { type: 'string', default: '1' },
      only: { type: 'string', default: Object.keys(RECIPES).join(',') },
      answers: { type: 'string', default: 'yes' },
      base: { type: 'string', default: 'smollm2' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = lmResults('thumbs', values)
  const learner = await openLmLearner({ name: values.base, maxTokens: 256 })
  const hasAnswers = values.answers === 'yes'
  const rows = []
  for (const seed of values.seeds.split(',').map(Number)) {
    let school
    const opened = async () => (school ??= await openSchool(learner, seed))
    const run = async (name, settings, work) => {
      const facts = { seed, hasAnswers, ...settings }
      const figures = await results.run(`${name} seed ${seed}`, facts, async () => {
        const { measured } = await opened()
        return work(await opened(), (trainable) => measured(trainable, hasAnswers))
      })
      rows.push({ name, ...facts, ...figures })
    }
    await run('completions', {}, ({ taught }, figuresOf) => taught(figuresOf))
    for (const name of values.only.split(','))
      await run(name, RECIPES[name], ({ rated }, figuresOf) => rated(RECIPES[name], figuresOf))
  }
  await learner.close()
  results.show(rows)
  return { rows }
}

/** A model that has learned the completions of a seed, and the thumbs on answers of its own. */
async function openSchool(learner, seed) {
  const config = JSON.stringify(chatConfig('data', 1, seed))
  const { train } = parseConfig(config, '/').models.support
  const input = (question) => ({ kind: 'messages', ...conversation(question) })
  const rowsOf = (all) =>
    learner.rows(
      all.map(({ question, answer, rating }) => ({
        input: input(question),
        target: {
          kind: rating === undefined ? 'completion' : 'rating',
          rating,
          completion: answer,
        },
      })),
    )
  const styled = taughtAnswers(openRandom(seed, 'demo')).slice(0, STYLED)
  const [taught, validation, general] = [
    await rowsOf([...generalTaught, ...styled]),
    await rowsOf(validationQuestions),
    await rowsOf(generalHeldOut),
  ]
  const { learning_rate } = train
  const school = learner.trainable(learner.fresh(seed), { learning_rate })
  for (let from = 0; from < taught.length; from += every) {
    const replayed = replayOf(taught.slice(0, from), `${seed} ${from}`, train)
    await update(school, taught.slice(from, from + every), replayed, train)
    say(`${from + every} of ${taught.length} completions learned`)
  }
  const state = school.snapshot()
  const questions = shuffledBy(
    seed,
    styled.map(({ question }) => question),
  ).slice(0, every)
  const drawn = await learner.write(school.parameters(), questions.map(input), {
    ...{ tokens: mostTokens, temperature: 0.8, draw: seed },
  })
  const thumbs = questions.map((question, at) => {
    return { question, answer: drawn[at], rating: thumb(question, drawn[at]) }
  })
  const isUp = ({ rating }) => rating === 1
  const counts = { up: thumbs.filter(isUp).length, down: thumbs.filter((row) => !isUp(row)).length }
  const lossOf = (trainable, rows) =>
    round(mean(tokenLosses(trainable.score(rows.map(({ latent }) => latent)))), 3)

  return {
    async measured(trainable, hasAnswers) {
      const right = rewards(trainable.score(validation.map(({ latent }) => latent)))
      const figures = {
        loss: lossOf(trainable, validation),
        general: lossOf(trainable, general),
        reward: round(mean(right.map(([own]) => own)), 1),
      }
      if (!hasAnswers) return figures
      const asked = validationQuestions.map(({ question }) => question)
      const answers = await learner.write(trainable.parameters(), asked.map(input), {
        tokens: mostTokens,
      })
      const verdicts = answers.map((answer, at) => judge(asked[at], answer))
      const share = (part) => round(100 * mean(verdicts.map((verdict) => Number(verdict[part]))), 1)
      const parts = ['satisfied', 'opens', 'names', 'short', 'ends']
      const style = Object.fromEntries(parts.map((part) => [part, share(part)]))
      return { ...figures, ...style, example: answers[0] }
    },
    taught: async (figuresOf) => ({ ...(await figuresOf(school)), thumbs: counts }),
    async rated(settings, figuresOf) {
      const trainable = learner.trainable(learner.fresh(seed), { learning_rate, ...settings })
      trainable.restore(state)
      const rows = await rowsOf(thumbs)
      const replayed = replayOf(taught, `${seed} thumbs`, train)
      await update(trainable, rows, replayed, train, (batch) => learner.beside(batch))
      const figures = await figuresOf(trainable)
      trainable.dispose()
      return figures
    },
  }
}

/** Answers other rows, drawn without replacement for each step. */
function replayOf(rows, seed, { replay_batch }) {
  let steps = 0
  return () => shuffledBy(`${seed} ${(steps += 1)}`, rows).slice(0, replay_batch)
}

async function update(trainable, rows, replayed, { epochs, batch }, prepared = (some) => some) {
  for (let epoch = 0; epoch < epochs; epoch += 1)
    for (let from = 0; from < rows.length; from += batch)
      trainable.step([...(await prepared(rows.slice(from, from + batch))), ...replayed()])
}
