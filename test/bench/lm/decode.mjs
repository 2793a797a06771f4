/**
 * How fast answers are written: SmolLM2-135M, one text and eight at once, with and without LoRA, beside node-llama-cpp on the same
 * weights in a like width: float32 beside float32, 8 bits beside Q8_0. All with one thread; the sides take turns.
 *
 *   npm run bench -- lm decode [--rounds 3] [--tokens 24] [--only base,top,all,int8,schema] [--fresh]
 *
 * CPU time is what a busy machine changes least; of both clocks it is the median of the rounds. The peer is installed
 * into the cache of benches, and is no dependency. `schema` has no peer: the same texts free, bounded by a JSON Schema that is new, and
 * by it once more.
 */
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { identityOf } from '../../../dist/src/adapters/recorded-config.js'
import { quantized } from '../../../dist/src/adapters/quantized.js'
import { recordedConfig } from '../../../dist/src/adapters/recorded-config.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { PROMPT_PART } from '../../../dist/src/serving/engine/decode-scheduler.js'
import { DecodingEngine } from '../../../dist/src/serving/engine/decoding-engine.js'
import { cpuTime, machine, median, round, say } from '../lib/figures.mjs'
import { ggufOf } from './gguf.mjs'
import { PEER, peerModule } from './llama-cpp.mjs'
import { lossesOf } from './loss.mjs'
import { openResults } from '../lib/results.mjs'

const cache = userCache()
const FILE = join(cache, 'models', 'smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf')
const QUESTION = 'Explain in one paragraph how a tide comes about.'
const LONG = `${'The moon pulls at the water of the sea, and the water follows it. '.repeat(16)}Sum it up.`
export const lora = (tail_layers, roles) => ({
  ...{ method: 'lora', rank: 8, alpha: 16, tail_layers },
  ...(roles && { target_modules: roles }),
})

const TOWNS = {
  type: 'array',
  ...{ minItems: 8, maxItems: 8 },
  items: {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 2, maxLength: 40 },
      kind: { enum: ['capital', 'port', 'resort', 'other'] },
      people: { type: 'integer' },
      note: { type: 'string', maxLength: 120 },
    },
    ...{ required: ['name', 'kind', 'people', 'note'], additionalProperties: false },
  },
}

/** Without an adapter; the layers that one would reach stay in float32. */
const PLAIN = { method: 'head', tail_layers: 0 }
const sides = {
  base: { config: PLAIN },
  top: { config: lora(4) },
  all: { config: lora('all', ['query', 'value']) },
  int8: { config: lora(4), isQuantized: true, width: 'q8_0' },
  schema: { config: lora(4), work: bounded },
}

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '3' },
      tokens: { type: 'string', default: '24' },
      only: { type: 'string', default: Object.keys(sides).join(',') },
      fresh: { type: 'boolean', default: false },
    },
  })
  const [rounds, tokens] = [Number(values.rounds), Number(values.tokens)]
  const results = openResults('lm-decode', {
    machine: machine(),
    fresh: values.fresh,
  })
  const base = await openBase('smollm2')
  const rows = []
  for (const name of values.only.split(',')) {
    const side = sides[name]
    const peer = side.work === undefined && { peer: `node-llama-cpp ${PEER}` }
    const settings = { rounds, tokens, threads: 1, ...peer }
    const figures = await results.run(name, settings, async () => ({
      ...(await (side.work ?? compared)(base, side, { rounds, tokens })),
      ...(side.isQuantized && { loss: await lossesOf(base, side.config) }),
    }))
    rows.push({ name, ...figures })
  }
  results.show(rows)
  return { rows }
}

/** One side and the peer, in turns. */
async function compared(base, side, { rounds, tokens }) {
  const prompts = [QUESTION, LONG].map((content) =>
    base.language.prompt({ kind: 'messages', messages: [{ role: 'user', content }] }),
  )
  const [ours, peer] = [await openOurs(base, side), await openPeer(side.width ?? 'f32')]
  const figures = { ours: [], peer: [] }
  for (let at = 0; at < rounds; at += 1) {
    const plain = await steps(ours, [prompts[0]], tokens, 'plain')
    figures.ours.push({ plain, ...(await measured(ours, prompts, tokens)) })
    figures.peer.push(await measured(peer, prompts, tokens))
    say(
      `round ${at + 1}: ${JSON.stringify({ ours: figures.ours.at(-1), peer: figures.peer.at(-1) })}`,
    )
  }
  const text = base.language.text(await ours.write([prompts[0]], tokens))
  await Promise.all([ours.close(), peer.close()])
  const [our, its] = [summed(figures.ours), summed(figures.peer)]
  const adapterCost = round(our.one.cpuMs / median(figures.ours.map(({ plain }) => plain.cpuMs)))
  return {
    ...{ ours: our, peer: its, speedRatio: ratios(our, its) },
    ...{ batchGain: gain(our), adapterCost, text },
  }
}

/** Free, under a schema that is new, and under it again: in turns. */
async function bounded(base, side, { rounds, tokens }) {
  const prompt = base.language.prompt({
    kind: 'messages',
    messages: [{ role: 'user', content: 'List eight towns, with a note about each.' }],
  })
  const ours = await openOurs(base, side)
  const ways = { free: [], new: [], again: [] }
  let example
  for (let round = 0; round < rounds; round += 1) {
    const bounds = JSON.stringify({ schema: { ...TOWNS, title: `round ${round}` } })
    for (const [way, kept] of Object.entries(ways)) {
      const under = way === 'free' ? undefined : bounds
      const figures = {}
      for (const [texts, count] of Object.entries({ one: 1, eight: 8 })) {
        // One of its own, so that eight texts do not find what one has computed.
        const own = under?.replace('round', texts)
        const prompts = Array.from({ length: count }, () => prompt)
        figures[texts] = await steps(ours, prompts, tokens, 'd', own)
      }
      kept.push(figures)
      say(`round ${round + 1}, ${way}: ${JSON.stringify(figures)}`)
    }
    example ??= base.language.text(await ours.write([prompt], tokens, { bounds }))
  }
  await ours.close()
  const of = (way, texts) => round(median(ways[way].map((each) => each[texts].cpuMs)))
  const cost = (way, texts) => round(of(way, texts) / of('free', texts), 3)
  const both = (figure) => ({ one: figure('one'), eight: figure('eight') })
  return {
    cpuMs: Object.fromEntries(Object.keys(ways).map((way) => [way, both((t) => of(way, t))])),
    cost: {
      new: both((texts) => cost('new', texts)),
      again: both((texts) => cost('again', texts)),
    },
    example,
  }
}

/** Milliseconds: of a token within one text and within eight, and until the first token of a short and a long prompt. */
async function measured(side, [short, long], tokens) {
  return {
    one: await steps(side, [short], tokens),
    eight: await steps(
      side,
      Array.from({ length: 8 }, () => short),
      tokens,
    ),
    first: await timed(() => side.write([short], 1)),
    firstLong: await timed(() => side.write([long], 1)),
    promptTokens: [short.length, long.length],
  }
}

/** Of a token, from where every text has its first one. */
async function steps(side, prompts, tokens, adapter, bounds) {
  let [cpu, started, begun, count] = [cpuTime(), 0, 0, 0]
  const onFirst = () => {
    begun += 1
    if (begun === prompts.length) [cpu, started, count] = [cpuTime(), performance.now(), 0]
  }
  const onToken = () => (count += 1)
  await side.write(prompts, tokens + 1, { onFirst, onToken, adapter, bounds })
  return { cpuMs: cpu() / count, wallMs: (performance.now() - started) / count }
}

async function timed(work) {
  const [cpu, started] = [cpuTime(), performance.now()]
  await work()
  return { cpuMs: cpu(), wallMs: performance.now() - started }
}

function summed(rounds) {
  const of = (key) => ({
    cpuMs: round(median(rounds.map((each) => each[key].cpuMs))),
    wallMs: round(median(rounds.map((each) => each[key].wallMs))),
  })
  const [one, eight] = [of('one'), of('eight')]
  const perSecond = ({ wallMs }) => round(1000 / wallMs, 1)
  return {
    ...{ one: { ...one, tokensPerSecond: perSecond(one) } },
    ...{ eight: { ...eight, tokensPerSecond: perSecond(eight) } },
    ...{
      firstToken: of('first'),
      firstTokenLong: of('firstLong'),
      promptTokens: rounds[0].promptTokens,
    },
  }
}

/** How many times as fast as the peer, by CPU time. */
function ratios(ours, peer) {
  const keys = ['one', 'eight', 'firstToken', 'firstTokenLong']
  return Object.fromEntries(keys.map((key) => [key, round(peer[key].cpuMs / ours[key].cpuMs)]))
}

/** Tokens of eight texts at once in the CPU time of one token of a single text. */
function gain({ one, eight }) {
  return round(one.cpuMs / eight.cpuMs)
}

async function openOurs(plain, { config, isQuantized, work }) {
  const base = isQuantized ? quantized(plain) : plain
  const engine = new DecodingEngine({ base, methods, tasks })
  await engine.load('d', versionOf(base, config))
  await engine.load('plain', versionOf(base, { ...PLAIN, tail_layers: config.tail_layers }))
  if (work === bounded) await engine.readTokens()
  const sampling = { temperature: 0, topP: 1, draw: 0 }
  let sequences = 0
  return {
    close: () => engine.close(),
    /** As the scheduler does: prompts in parts, then all texts together. Answers the tokens of the first. */
    async write(prompts, tokens, { onFirst, onToken, adapter = 'd', bounds } = {}) {
      const texts = prompts.map((prompt) => ({ prompt, sequence: (sequences += 1), said: [] }))
      const first = { ...sampling, ...(bounds && { bounds }) }
      const step = async (some, idsOf, draws) => {
        const rows = some.map((text) => ({
          ...{ sequence: text.sequence, adapter, from: text.from ?? 0, ids: idsOf(text) },
          ...(draws && { sampling: text.said.length === 0 ? first : sampling }),
        }))
        const { drawn } = await engine.step(rows)
        for (const [at, text] of some.entries()) {
          text.from = rows[at].from + rows[at].ids.length
          if (!draws) continue
          if (text.said.length === 0) onFirst?.()
          else onToken?.()
          text.said.push(drawn[at].token)
        }
      }
      for (const text of texts)
        for (let at = 0; at < text.prompt.length; at += PROMPT_PART) {
          const ids = text.prompt.subarray(at, at + PROMPT_PART)
          await step([text], () => ids, at + PROMPT_PART >= text.prompt.length)
        }
      for (let token = 1; token < tokens; token += 1)
        await step(texts, ({ said }) => Int32Array.of(said.at(-1)), true)
      engine.forget(texts.map(({ sequence }) => sequence))
      return texts[0].said
    },
  }
}

export function versionOf(base, config) {
  const method = methods[config.method]
  const plan = { base, method, config, task: tasks.generation, outputs: Infinity }
  const manifest = {
    ...{ format: 1, model: 'm', version: 'v1', digest: 'd', base: identityOf(base) },
    ...{ task: 'generation', facts: {}, adapter: recordedConfig(config) },
  }
  return { parameters: freshAdapter(plan, openRandom(1, 'bench')), manifest }
}

/** `width`: f32 or q8_0. */
async function openPeer(width) {
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(peerModule()).href)
  const llama = await getLlama({
    gpu: false,
    maxThreads: 1,
    build: 'never',
    logLevel: LlamaLogLevel.error,
  })
  const model = await llama.loadModel({ modelPath: ggufOf(FILE, width) })
  const context = await model.createContext({
    contextSize: 1024,
    sequences: 8,
    threads: 1,
    batchSize: 512,
  })
  const free = Array.from({ length: 8 }, () => context.getSequence())
  return {
    close: () => llama.dispose(),
    async write(prompts, tokens, { onFirst, onToken } = {}) {
      await Promise.all(
        prompts.map(async (prompt, at) => {
          const sequence = free[at]
          await sequence.clearHistory()
          let left = tokens
          for await (const _ of sequence.evaluate([...prompt], {
            temperature: 0,
            yieldEogToken: true,
          })) {
            if (left === tokens) onFirst?.()
            else onToken?.()
            left -= 1
            if (left === 0) break
          }
        }),
      )
    },
  }
}
