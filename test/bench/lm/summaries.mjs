/**
 * Summaries of papers: SmolLM2 with LoRA r 8 on its top four layers learns ACLSum; ROUGE and the loss of a token on the test papers,
 * before and after, beside torch with PEFT from the same weights on the same batches in the same order.
 *
 *   npm run bench -- lm summaries [--steps 37] [--papers 33] [--source 224] [--choose] [--peer no] [--base tiny] [--fresh]
 *
 * `--choose` measures settings by their loss on the validation papers, without a peer. Abstracts are cut to `source` tokens, answers to 48; they
 * are the likeliest tokens. Both sides begin with one adapter; TRL adds nothing to supervised fine-tuning but its wrapping.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { peftPython } from '../../../deploy/bootstrap/peft.mjs'
import { openChild } from '../lib/children.mjs'
import { mean, round, say } from '../lib/figures.mjs'
import {
  batchesOf,
  lmResults,
  meansBy,
  openLmLearner,
  shuffledBy,
  tokenLosses,
} from './learner.mjs'
import { rouge } from './rouge.mjs'
import { summaries } from './summaries-data.mjs'

const [SIZE, ANSWER, SEED] = [8, 48, 1]
/** By `--choose`: the lowest loss on the validation papers, and the highest of the rates that were tried. */
const RATE = 2e-3
const RATES = [3e-4, 1e-3, 2e-3]

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      steps: { type: 'string', default: '37' },
      papers: { type: 'string', default: '33' },
      source: { type: 'string', default: '224' },
      choose: { type: 'boolean', default: false },
      peer: { type: 'string', default: 'yes' },
      base: { type: 'string', default: 'smollm2' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const [steps, papers, source] = ['steps', 'papers', 'source'].map((name) => Number(values[name]))
  const results = lmResults('summaries', values)
  const learner = await openLmLearner({ name: values.base })
  const school = openSchool(learner, source)
  const common = { steps, rows: SIZE, source, answer: ANSWER, seed: SEED }
  const rows = []
  const run = async (name, facts, work) => {
    const settings = { ...common, ...facts }
    rows.push({ name, ...facts, ...(await results.run(name, settings, work)) })
  }
  if (values.choose) {
    for (const learning_rate of RATES)
      await run(`validation ${learning_rate}`, { learning_rate }, () =>
        school.chosen(learning_rate, steps),
      )
    await learner.close()
    return { rows }
  }
  const facts = { learning_rate: RATE, papers }
  await run('base', { papers }, () => school.untaught(papers))
  await run('ours', facts, () => school.taught(RATE, steps, papers))
  await learner.close()
  if (values.peer === 'yes')
    await run('torch with PEFT', facts, () => school.taughtByPeer(RATE, steps, papers))
  results.show(rows)
  return { rows }
}

function openSchool(learner, source) {
  const { language } = learner
  const cut = (text) => language.text([...language.tokens(text)].slice(0, source))
  const input = ({ question }) => ({
    kind: 'messages',
    messages: [{ role: 'user', content: question }],
  })
  const of = (part) => summaries(part, cut)
  const examples = (rows) =>
    rows.map((row) => {
      return { input: input(row), target: { kind: 'completion', completion: row.answer } }
    })
  const train = shuffledBy(SEED, of('train'))
  const kept = new Map()
  const latentsOf = async (batch) => {
    const missing = batch.filter((row) => !kept.has(row))
    const found = await learner.rows(examples(missing))
    for (const [at, row] of missing.entries()) kept.set(row, found[at])
    return batch.map((row) => kept.get(row))
  }
  /** A mean over rows: every third is of one aspect. */
  const testOf = (papers) => of('test').slice(0, 3 * papers)
  const lossOn = async (trainable, rows) => {
    const latents = await learner.rows(examples(rows))
    return mean(tokenLosses(trainable.score(latents.map(({ latent }) => latent))))
  }
  const learned = async (learning_rate, steps) => {
    const trainable = learner.trainable(learner.fresh(SEED), { learning_rate })
    const losses = []
    for (const batch of batchesOf(train, { size: SIZE, steps }))
      losses.push(round(trainable.step(await latentsOf(batch)).loss, 4))
    return { trainable, losses }
  }
  const figures = async (trainable, papers) => {
    const test = testOf(papers)
    const loss = round(await lossOn(trainable, test), 4)
    const answers = await learner.write(trainable.parameters(), test.map(input), {
      tokens: ANSWER,
    })
    trainable.dispose()
    return { loss, ...scores(answers, test) }
  }
  return {
    async chosen(learning_rate, steps) {
      const { trainable, losses } = await learned(learning_rate, steps)
      const loss = round(await lossOn(trainable, of('validation')), 4)
      trainable.dispose()
      return { loss, losses }
    },
    untaught: async (papers) => figures(learner.trainable(learner.fresh(SEED)), papers),
    async taught(learning_rate, steps, papers) {
      const { trainable, losses } = await learned(learning_rate, steps)
      return { ...(await figures(trainable, papers)), losses }
    },
    async taughtByPeer(learning_rate, steps, papers) {
      const python = peftPython()
      if (python === undefined) throw new Error('no PEFT in the cache: npm run setup -- --tests')
      const folder = mkdtempSync(join(tmpdir(), 'antikythera-lm-'))
      mkdirSync(join(folder, 'adapter'))
      for (const [name, bytes] of learner.files(learner.fresh(SEED)))
        writeFileSync(join(folder, 'adapter', name), bytes)
      const test = testOf(papers)
      const ids = (row) => {
        const answer = [...language.tokens(row.answer), language.ends[0]]
        return { prompt: [...language.prompt(input(row))], answer }
      }
      const plan = {
        ...{ size: SIZE, steps, learning_rate, tokens: ANSWER, cut: learner.cut },
        ...{ ends: language.ends, train: train.map(ids), test: test.map(ids) },
      }
      writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
      const program = fileURLToPath(new URL('summaries.py', import.meta.url))
      const child = await openChild(python, [program, folder, learner.folder()])
      const { losses, loss, answers } = await child.run(steps)
      await child.stop()
      rmSync(folder, { recursive: true })
      const said = answers.map((tokens) => language.text(tokens))
      return { loss: round(loss, 4), ...scores(said, test), losses, facts: child.facts }
    },
  }
}

function scores(answers, rows) {
  const found = answers.map((answer, at) => rouge(answer, rows[at].answer))
  const of = (key) => round(mean(found.map((each) => each[key])), 2)
  say(`${rows[0].answer}\n→ ${answers[0]}`)
  return {
    rouge1: of('rouge1'),
    rougeL: of('rougeL'),
    aspects: meansBy(
      rows.map(({ aspect }) => aspect),
      found.map(({ rougeL }) => rougeL),
      2,
    ),
    words: round(mean(answers.map((answer) => answer.split(/\s+/).length)), 1),
    example: answers[0],
  }
}
