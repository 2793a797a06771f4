/**
 * Reward accuracy: the share of held-out pairs in which a model gives the chosen answer the higher reward, log π − log ρ. SmolLM2 with
 * LoRA r 8 on its top four layers learns pairs by DPO and their answers, each rated, by KTO; beside it TRL's own trainers from the same
 * weights, on the same batches in the same order with the same settings; and supervised fine-tuning on the chosen answers alone.
 *
 *   npm run bench -- lm preferences [--seeds 1] [--steps 28] [--choose] [--peer no] [--base tiny] [--fresh]
 *
 * `--choose` measures settings on the development pairs, without a peer: the table uses what was best there. Adapters of both sides are
 * scored by one and the same network, ours. Pairs: preference-pairs.mjs.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { conversation } from '../../../dist/src/cli/demo/chat/daemon.js'
import { mean, round, say } from '../lib/figures.mjs'
import { batchesOf, lmResults, meansBy, openLmLearner, rewards, tokenLosses } from './learner.mjs'
import { preferencePairs } from './preference-pairs.mjs'
import { pythonOnPeft } from '../lib/python-on-peft.mjs'

/** Pairs a step; KTO learns both answers of each. */
const SIZE = 8
/**
 * By `--choose` on the development pairs of seed 1: the highest reward accuracy, and among those that are level the lowest loss of the
 * chosen answers.
 */
const CHOSEN = {
  sft: { learning_rate: 3e-3 },
  dpo: { learning_rate: 1e-3, beta: 0.3 },
  kto: { learning_rate: 3e-3, beta: 0.1 },
}
const rates = [3e-4, 1e-3, 3e-3]
const betas = [0.1, 0.3]
const GRID = {
  sft: rates.map((learning_rate) => ({ learning_rate })),
  dpo: rates.flatMap((learning_rate) => betas.map((beta) => ({ learning_rate, beta }))),
  kto: rates.flatMap((learning_rate) => betas.map((beta) => ({ learning_rate, beta }))),
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      seeds: { type: 'string', default: '1' },
      steps: { type: 'string', default: '28' },
      choose: { type: 'boolean', default: false },
      peer: { type: 'string', default: 'yes' },
      base: { type: 'string', default: 'smollm2' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const steps = Number(values.steps)
  const results = lmResults('preferences', values)
  const learner = await openLmLearner({ name: values.base })
  const rows = []
  for (const seed of values.seeds.split(',').map(Number)) {
    const school = openSchool(learner, seed, steps)
    for (const [way, chosen] of Object.entries(CHOSEN)) {
      const tried = values.choose ? GRID[way] : [chosen]
      const part = values.choose ? 'development' : 'test'
      for (const settings of tried) {
        const run = async (side, work) => {
          const facts = { base: values.base, part, seed, steps, pairs: SIZE, ...settings }
          const name = `${side} ${way} ${part} ${JSON.stringify(settings)} seed ${seed}`
          rows.push({ side, way, ...facts, ...(await results.run(name, facts, work)) })
        }
        await run('ours', async () => school.taught(way, settings, part))
        const hasPeer = values.peer === 'yes' && !values.choose && way !== 'sft'
        if (hasPeer) await run(`trl ${TRL}`, async () => school.taughtByPeer(way, settings, part))
      }
    }
  }
  await learner.close()
  if (!values.choose) results.show(rows)
  return { rows }
}

/** The pairs of a seed, and the adapter that all sides begin with. */
function openSchool(learner, seed, steps) {
  const pairs = preferencePairs(seed)
  const parts = new Map()
  const input = ({ question }) => ({ kind: 'messages', ...conversation(question) })
  const rowsOf = async (part) => {
    const found = pairs[part].map((pair) => {
      const { chosen, rejected } = pair
      return { input: input(pair), target: { kind: 'preference', chosen, rejected } }
    })
    if (!parts.has(part)) parts.set(part, await learner.rows(found))
    return parts.get(part)
  }
  const kept = new Map()
  const taughtRows = async (way) => {
    if (!kept.has(way)) kept.set(way, await learner.rows(examplesOf(way, pairs.train, input)))
    return kept.get(way)
  }
  const figures = async (trainable, part) => {
    const rows = await rowsOf(part)
    const outputs = trainable.score(rows.map(({ latent }) => latent))
    const found = rewards(outputs)
    const isRight = ([chosen, rejected]) => Number(chosen > rejected)
    return {
      accuracy: round(100 * mean(found.map(isRight)), 1),
      margin: round(mean(found.map(([chosen, rejected]) => chosen - rejected)), 2),
      loss: round(mean(tokenLosses(outputs)), 3),
      ofChosen: round(mean(found.map(([chosen]) => chosen)), 2),
      breaks: meansBy(
        pairs[part].map(({ breaks }) => breaks),
        found.map((pair) => 100 * isRight(pair)),
      ),
    }
  }
  return {
    async taught(way, settings, part) {
      const trainable = learner.trainable(learner.fresh(seed), settings)
      const losses = []
      const size = way === 'kto' ? 2 * SIZE : SIZE
      for (const batch of batchesOf(await taughtRows(way), { size, steps })) {
        const rows = way === 'kto' ? await learner.beside(batch) : batch
        losses.push(round(trainable.step(rows).loss, 4))
      }
      const found = await figures(trainable, part)
      trainable.dispose()
      return { ...found, losses }
    },
    async taughtByPeer(way, settings, part) {
      const folder = mkdtempSync(join(tmpdir(), 'antikythera-trl-'))
      const files = learner.files(learner.fresh(seed))
      mkdirSync(join(folder, 'adapter'))
      for (const [name, bytes] of files) writeFileSync(join(folder, 'adapter', name), bytes)
      const examples = peerRows(way, pairs.train, { learner, input })
      const plan = { way, settings, steps, size: way === 'kto' ? 2 * SIZE : SIZE, examples }
      writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
      const { losses, seconds } = await runTrl(folder, learner.folder())
      const weights = 'adapter_model.safetensors'
      const made = new Map([...files, [weights, readFileSync(join(folder, 'made', weights))]])
      const trainable = learner.trainable(learner.parametersIn(made))
      const found = await figures(trainable, part)
      trainable.dispose()
      rmSync(folder, { recursive: true })
      say(`TRL took ${seconds} s`)
      return { ...found, losses: losses.map((loss) => round(loss, 4)) }
    },
  }
}

function examplesOf(way, pairs, input) {
  if (way === 'dpo')
    return pairs.map((pair) => {
      const { chosen, rejected } = pair
      return { input: input(pair), target: { kind: 'preference', chosen, rejected } }
    })
  if (way === 'sft')
    return pairs.map((pair) => {
      return { input: input(pair), target: { kind: 'completion', completion: pair.chosen } }
    })
  return pairs.flatMap((pair) =>
    [
      [pair.chosen, 1],
      [pair.rejected, -1],
    ].map(([completion, rating]) => {
      return { input: input(pair), target: { kind: 'rating', rating, completion } }
    }),
  )
}

/** The same texts as TRL reads them: token ids of prompts are our template's, made once. */
function peerRows(way, pairs, { learner, input }) {
  const ids = (pair) => [...learner.language.prompt(input(pair))]
  const tokens = (text) => [...learner.language.tokens(text), learner.language.ends[0]]
  if (way === 'dpo')
    return pairs.map((pair) => ({
      prompt: ids(pair),
      chosen: tokens(pair.chosen),
      rejected: tokens(pair.rejected),
    }))
  return examplesOf(way, pairs, (pair) => pair).map(({ input: pair, target }) => ({
    prompt: ids(pair),
    completion: tokens(target.completion),
    label: target.rating === 1,
  }))
}

export const TRL = '1.16.0'
/** Without their own dependencies: the rest is there, and torch would ask for 2.5 GB of CUDA. */
const PACKAGES = [
  `trl==${TRL}`,
  'datasets==5.2.0',
  ...['dill==0.4.1', 'multiprocess==0.70.19', 'pandas==3.1.1', 'pyarrow==26.0.1'],
  ...['python-dateutil==4.0.0', 'tzdata==2026.6', 'xxhash==4.1.0'],
]

/** Runs `preferences.py` on `plan.json` in a folder, which gets the adapter that it made as `made`. */
async function runTrl(folder, model, { threads = 2 } = {}) {
  const program = fileURLToPath(new URL('preferences.py', import.meta.url))
  const env = { ...process.env, OMP_NUM_THREADS: `${threads}`, TRL_EXPERIMENTAL_SILENCE: '1' }
  const child = spawn(trlPython(), [program, folder, model, `${threads}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const code = await new Promise((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`TRL ended with ${code}`)
  return JSON.parse(output.trimEnd().split('\n').at(-1))
}

function trlPython() {
  return pythonOnPeft(`trl-${TRL}`, PACKAGES, ['--no-deps'])
}
