/**
 * A language model that learns in one process, for tables about what it learns: SmolLM2 with LoRA on its top layers, trained by the
 * daemon's own steps from activations that are kept, and asked through the daemon's own decoding engine. No stream, no replay.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { identityOf } from '../../../dist/src/adapters/recorded-config.js'
import { openBundle } from '../../../dist/src/adapters/peft/bundle.js'
import { recordedConfig } from '../../../dist/src/adapters/recorded-config.js'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { answersIn, sumOf } from '../../../dist/src/nn/answer-outputs.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openTensorFlow } from '../../../dist/src/nn/tfjs/tensorflow.js'
import { BaseTensors } from '../../../dist/src/optim/engines/eager-pass.js'
import { openTrainable } from '../../../dist/src/optim/step.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { PROMPT_PART } from '../../../dist/src/serving/engine/decode-scheduler.js'
import { DecodingEngine } from '../../../dist/src/serving/engine/decoding-engine.js'
import { machine, mean, round } from '../lib/figures.mjs'
import { lmFolder } from './folder.mjs'
import { kept, openResults } from '../lib/results.mjs'

const TINY = fileURLToPath(new URL('../../reference/tiny-causal/llama', import.meta.url))

const LORA = { method: 'lora', rank: 8, alpha: 16 }
/** `tiny` has random weights and learns nothing: to try a table in seconds. */
const BASES = {
  smollm2: { base: 'smollm2', tail_layers: 4, folder: lmFolder },
  tiny: { base: { causal: TINY }, tail_layers: 1, folder: () => TINY },
}
const SETTINGS = {
  ...{ beta: 0.1, up_weight: 1, down_weight: 1, liked_weight: 0, correction_weight: 1, kl: 0 },
  ...{ max_tokens: 64, temperature: 0, top_p: 1 },
}
const STEPS = { optimizer: 'adam', momentum: 0.9, clip_norm: 1 }
const NO_REGULARIZER = {
  penalty: () => undefined,
  observe() {},
  snapshot: () => new Map(),
  restore() {},
}

export async function openLmLearner({ threads = 2, maxTokens = 512, name = 'smollm2' } = {}) {
  const { base: named, tail_layers, folder } = BASES[name]
  const config = { ...LORA, tail_layers }
  const method = methods.lora
  const plain = await openBase(named)
  const base = viewOf(plain, method, config)
  const cut = cutOf(tail_layers, base.network.layers)
  const trunk = await openTrunkEngine(base, cut, { workers: 1, threads })
  const { tf } = await openTensorFlow({ threads })
  const baseTensors = new BaseTensors(tf, base)
  const taskOf = (settings) => tasks.generation.open({ ...SETTINGS, ...settings })
  const planOf = (settings) => ({
    base,
    method,
    config,
    task: taskOf(settings),
    outputs: Infinity,
  })
  const { texts } = taskOf({})
  const bundle = openBundle({ base, methods, tasks })
  const manifest = {
    ...{ format: 1, model: 'm', version: 'v0', digest: 'd', base: identityOf(base) },
    ...{ task: 'generation', facts: {}, adapter: recordedConfig(config) },
  }
  let decoding

  return {
    /** As torch reads the base. */
    folder: () => folder(plain),
    language: base.language,
    cut,
    /** The adapter that a seed draws: it leaves the base as it is. */
    fresh: (seed = 1) => freshAdapter(planOf({}), openRandom(seed, 'bench')),
    files: (parameters) => bundle.write({ manifest, parameters }),
    parametersIn: (files) => bundle.read(files, manifest),

    /** Rows with their activations: `{ input, target }` → `{ target, latent, encoded }`. */
    async rows(examples) {
      const encoded = examples.map(({ input, target }) => ({
        ...texts.encode(input, target, { language: base.language, maxTokens }),
        isCompared: true,
      }))
      const latents = await trunk.encode(encoded)
      return examples.map(({ target }, at) => ({
        target,
        encoded: encoded[at],
        latent: latents[at],
        weight: 1,
      }))
    },
    /** The latent of each row's prompt with the answer of the row before it, as KTO measures how far the adapter has moved. */
    async beside(rows) {
      const turned = rows.map(({ encoded }, at) =>
        texts.exchanged(encoded, rows.at(at - 1).encoded, maxTokens),
      )
      const latents = await trunk.encode(turned)
      return rows.map((row, at) => ({ ...row, beside: latents[at] }))
    },
    trainable: (parameters, { learning_rate = 1e-3, ...settings } = {}) => {
      const plan = planOf(settings)
      return openTrainable({
        ...plan,
        ...{ head: plan.task.start, tf, baseTensors, parameters },
        hyperparameters: { ...STEPS, learning_rate },
        regularizer: NO_REGULARIZER,
      })
    },

    /** The likeliest answer to each prompt, or with `draw` one that is drawn at `temperature`. */
    async write(parameters, inputs, { tokens = 64, temperature = 0, draw } = {}) {
      decoding ??= new DecodingEngine({ base: plain, methods, tasks, threads })
      const key = `d${(loads += 1)}`
      await decoding.load(key, { parameters, manifest })
      const ends = new Set(base.language.ends)
      const answers = []
      for (let from = 0; from < inputs.length; from += AT_ONCE) {
        const group = inputs.slice(from, from + AT_ONCE).map((input, at) => ({
          sequence: (sequences += 1),
          prompt: base.language.prompt(input),
          from: 0,
          said: [],
          sampling: { temperature, topP: 1 },
          random: openRandom(draw ?? 0, `draw ${from + at}`),
        }))
        answers.push(...(await written(decoding, key, group, { tokens, ends })))
      }
      decoding.unload(key)
      return answers.map((said) => base.language.text(said))
    },
    async close() {
      await trunk.close()
      await decoding?.close()
    },
  }
}

/** The file of a table; of the tiny model it is not kept. */
export function lmResults(table, { base, fresh }) {
  const isTiny = base === 'tiny'
  const folder = isTiny ? tmpdir() : kept
  return openResults(`lm-${table}`, { machine: machine(), fresh: fresh || isTiny, folder })
}

const AT_ONCE = 8
let [loads, sequences] = [0, 0]

async function written(engine, adapter, texts, { tokens, ends }) {
  const step = async (some, idsOf, draws) => {
    const rows = some.map((text) => ({
      ...{ sequence: text.sequence, adapter, from: text.from, ids: idsOf(text) },
      ...(draws && { sampling: { ...text.sampling, draw: text.random.uniform() } }),
    }))
    const { drawn } = await engine.step(rows)
    for (const [at, text] of some.entries()) {
      text.from += rows[at].ids.length
      if (draws) text.said.push(drawn[at].token)
    }
  }
  for (const text of texts)
    for (let at = 0; at < text.prompt.length; at += PROMPT_PART) {
      const ids = text.prompt.subarray(at, at + PROMPT_PART)
      await step([text], () => ids, at + PROMPT_PART >= text.prompt.length)
    }
  const isOpen = ({ said }) => said.length < tokens && !ends.has(said.at(-1))
  // Texts that are over are forgotten at once: the rows of a step lie side by side in the engine.
  const stillOpen = (some) => {
    engine.forget(some.filter((text) => !isOpen(text)).map(({ sequence }) => sequence))
    return some.filter(isOpen)
  }
  for (let open = stillOpen(texts); open.length > 0; open = stillOpen(open))
    await step(open, ({ said }) => Int32Array.of(said.at(-1)), true)
  return texts.map(({ said }) => (ends.has(said.at(-1)) ? said.slice(0, -1) : said))
}

/** −log π of a token of each row's first answer, the mean of the row. */
export function tokenLosses(outputs) {
  return outputs.map((row) => {
    const [{ logs }] = answersIn(row)
    return -sumOf(logs) / logs.length
  })
}

/** log π − log ρ of each answer of each row, summed over its tokens. */
export function rewards(outputs) {
  return outputs.map((row) =>
    answersIn(row).map(({ logs, reference }) => sumOf(logs) - sumOf(reference)),
  )
}

/** The mean of some numbers for each name. */
export function meansBy(names, numbers, digits = 1) {
  return Object.fromEntries(
    [...new Set(names)]
      .sort()
      .map((name) => [name, round(mean(numbers.filter((_, at) => names[at] === name)), digits)]),
  )
}

/** In an order that a seed draws. */
export function shuffledBy(seed, rows) {
  const random = openRandom(seed, 'order')
  const order = [...rows]
  for (let at = order.length - 1; at > 0; at -= 1) {
    const other = random.below(at + 1)
    ;[order[at], order[other]] = [order[other], order[at]]
  }
  return order
}

/** `steps` batches of `size` rows, pass after pass. */
export function* batchesOf(rows, { size, steps }) {
  const whole = Math.floor(rows.length / size)
  for (let at = 0; at < steps; at += 1)
    yield rows.slice((at % whole) * size, ((at % whole) + 1) * size)
}
