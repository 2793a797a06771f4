/**
 * The time to the first token where keys and values of earlier texts are kept: 60 questions under one system prompt, asked
 * twice, and by an engine that keeps nothing. What a miss costs: prompts that share no beginning, by both engines in turns.
 * LoRA on the top four layers of SmolLM2-135M, float32, one thread.
 *
 *   npm run bench -- lm prefixes [--rounds 3] [--fresh]
 */
import { parseArgs } from 'node:util'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { systemClock } from '../../../dist/src/platform/clock.js'
import { openMetrics } from '../../../dist/src/platform/metrics.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { DecodeScheduler } from '../../../dist/src/serving/engine/decode-scheduler.js'
import { DecodingEngine } from '../../../dist/src/serving/engine/decoding-engine.js'
import { cpuTime, machine, median, round, say } from '../lib/figures.mjs'
import { openResults } from '../lib/results.mjs'
import { lora, versionOf } from './decode.mjs'

const QUESTIONS = 60
/** Prompts without a kept prefix, of each engine and round. */
const MISSES = 8
const TOPICS = [
  'watch',
  'kettle',
  'lamp',
  'radio',
  'bicycle',
  'clock',
  'heater',
  'printer',
  'scale',
  'fan',
]
const MATTERS = [
  'came broken',
  'is late',
  'was sent twice',
  'has lost its guarantee',
  'is too loud',
  'fell',
]
const RULES =
  'Thank the customer, name the matter that they wrote about, and end with the next step that they should take. ' +
  'Keep to one paragraph, in plain words, without a list. Promise no date that you do not know. '
const SYSTEM = `You answer the letters of a support desk. ${RULES.repeat(8)}`

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      rounds: { type: 'string', default: '3' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = openResults('lm-prefixes', { machine: machine(), fresh: values.fresh })
  const settings = { rounds: Number(values.rounds), threads: 1 }
  const base = await openBase('smollm2')
  const figures = await results.run('smollm2', settings, async () => firstTokens(base, settings))
  const rows = [{ name: 'smollm2', ...figures }]
  results.show(rows)
  return { rows }
}

async function firstTokens(base, { rounds }) {
  const config = lora(4)
  const limits = {
    ...{ generation_texts: 8, generation_queue: 64, generation_queue_tokens: 65_536 },
    generation_cache_bytes: 2 ** 30,
  }
  const [keeping, plain] = [
    await openSide(base, config, limits, true),
    await openSide(base, config, limits),
  ]
  const questions = Array.from({ length: QUESTIONS }, (_, at) =>
    promptOf(
      base,
      SYSTEM,
      `My ${TOPICS[at % TOPICS.length]} ${MATTERS[Math.floor(at / TOPICS.length)]}. What shall I do?`,
    ),
  )
  const times = { none: [], first: [], again: [], miss: [], missPlain: [] }
  const cached = { first: [], again: [] }
  for (let at = 0; at < rounds; at += 1) {
    keeping.clear()
    // A third of them is enough where all take as long.
    for (const prompt of questions.slice(0, QUESTIONS / 3)) times.none.push(await plain.ask(prompt))
    for (const pass of ['first', 'again'])
      for (const prompt of questions) {
        const time = await keeping.ask(prompt)
        times[pass].push(time)
        cached[pass].push(time.cached)
      }
    for (let miss = 0; miss < MISSES; miss += 1) {
      const prompt = promptOf(base, `${at}, ${miss}. ${SYSTEM}`, 'What shall I do?')
      for (const [name, side] of Object.entries({ miss: keeping, missPlain: plain })) {
        if (side === keeping) keeping.clear()
        times[name].push(await side.ask(prompt))
      }
    }
    say(`round ${at + 1}: ${JSON.stringify(summary(times))}`)
  }
  const keptBytes = keeping.bytes()
  await Promise.all([keeping.close(), plain.close()])
  const all = summary(times)
  return {
    promptTokens: median(questions.map(({ length }) => length)),
    cachedTokens: { first: median(cached.first), again: median(cached.again) },
    firstToken: all,
    sooner: { first: ratio(all.none, all.first), again: ratio(all.none, all.again) },
    missCost: round(all.miss.cpuMs / all.missPlain.cpuMs, 3),
    keptMiB: round(keptBytes / 2 ** 20, 1),
  }
}

function promptOf({ language }, system, content) {
  const messages = [
    { role: 'system', content: system },
    { role: 'user', content },
  ]
  return language.prompt({ kind: 'messages', messages })
}

async function openSide(base, config, limits, keeps = false) {
  let bytes = 0
  const onChange = (count) => (bytes = Math.max(bytes, count))
  const prefixes = keeps && { prefixes: { mostBytes: limits.generation_cache_bytes, onChange } }
  const engine = new DecodingEngine({ base, methods, tasks, ...prefixes })
  await engine.load('d', versionOf(base, config))
  const metrics = openMetrics()
  const scheduler = new DecodeScheduler({ base: 'b', engine, limits, clock: systemClock, metrics })
  return {
    bytes: () => bytes,
    clear: () => engine.rest('d'),
    async ask(prompt) {
      const [cpu, started] = [cpuTime(), performance.now()]
      let cached = 0
      const [stream] = scheduler.run({
        ...{ model: 'm', adapter: 'd', prompt, maxTokens: 1, ends: base.language.ends },
        ...{ sampling: { temperature: 0, topP: 1 }, draws: [{ uniform: () => 0 }] },
        onPrompt: (count) => (cached = count),
        signal: new AbortController().signal,
      })
      await stream.next()
      const time = { cpuMs: cpu(), wallMs: performance.now() - started, cached }
      await stream.next()
      return time
    },
    async close() {
      await scheduler.close()
      await engine.close()
      metrics.close()
    },
  }
}

function summary(times) {
  const of = (all) => ({
    cpuMs: round(median(all.map(({ cpuMs }) => cpuMs))),
    wallMs: round(median(all.map(({ wallMs }) => wallMs))),
  })
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, of(all)]))
}

/** How many times as soon. */
function ratio(before, after) {
  return round(before.wallMs / after.wallMs, 1)
}
