/**
 * Serving through HTTP: one text of 16 tokens (`--tokens N`: of N) at a time, and 32 clients at once, for LoRA on the two upper layers and for the bare
 * head, on each base. Rounds take turns, so that a busy machine slows all of them alike; the trainers are idle.
 *
 *   node test/bench/speed/serve-latency.mjs [use-lite] [minilm] [--tokens 256] [--rounds 3]
 */
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { pulledFolder } from '../../../dist/src/bases/pulled/pulled.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { startDaemon } from '../lib/daemon.mjs'
import { finish, latencyOf, machine, median, round, say } from '../lib/figures.mjs'
import { load } from '../lib/load.mjs'
import { textsOfLength } from '../lib/texts.mjs'

const { values, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    tokens: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '7' },
  },
})
const rounds = Number(values.rounds)
const oneClientMs = 2000
const manyClientsMs = 3000
const tokens = Number(values.tokens)
const clients = 32
/** An engine thread a core: nothing is trained here. */
const workers = cpus().length
const startedOn = machine()
const bases = { 'use-lite': 'use-lite', minilm: { bert: pulledFolder('minilm') } }

const result = {}
for (const [name, base] of Object.entries(bases)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  if (base.bert !== undefined && !existsSync(base.bert))
    result[name] = 'antikythera models pull minilm'
  else result[name] = await measure(name, base)
}
finish('serve-latency', startedOn, {
  tokens,
  clients,
  rounds,
  engineThreads: workers,
  bases: result,
})

async function measure(name, base) {
  const texts = textsOfLength(await openBase(base), tokens, 64)
  const labels = ['negative', 'positive']
  const lora = { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 }
  const models = {
    head: { base, max_tokens: tokens, labels, adapter: { method: 'head' } },
    lora: { base, max_tokens: tokens, labels, adapter: lora },
  }
  const daemon = await startDaemon(models, { server: { workers } })
  const samples = { head: newSamples(), lora: newSamples() }
  try {
    for (const model of Object.keys(samples)) await run(daemon, model, texts, 4, 1000)
    for (let at = 0; at < rounds; at += 1)
      for (const [model, sample] of Object.entries(samples)) {
        const one = await run(daemon, model, texts, 1, oneClientMs)
        const many = await run(daemon, model, texts, clients, manyClientsMs)
        sample.latencies.push(...one.latencies)
        sample.medians.push(median(one.latencies))
        sample.one.push(one.perSecond)
        sample.many.push(many.perSecond)
        sample.manyLatencies.push(...many.latencies)
        sample.failed += one.failed + many.failed
        say(
          `${name} ${model}: p50 ${round(median(one.latencies))} ms, ${round(many.perSecond)} texts/s`,
        )
      }
  } finally {
    await daemon.stop()
  }
  const ratios = samples.lora.medians.map((each, at) => each / samples.head.medians[at])
  return {
    texts: texts.length,
    head: figures(samples.head),
    lora: figures(samples.lora),
    loraOverHead: round(median(ratios)),
  }
}

function run(daemon, model, texts, count, durationMs) {
  return load('closedLoop', { port: daemon.port, model, clients: count, texts, durationMs })
}

function newSamples() {
  return { latencies: [], medians: [], one: [], many: [], manyLatencies: [], failed: 0 }
}

function figures({ latencies, one, many, manyLatencies, failed }) {
  return {
    oneClientMs: latencyOf(latencies),
    oneClientPerSecond: round(median(one), 0),
    manyClientsMs: latencyOf(manyLatencies),
    manyClientsPerSecond: round(median(many), 0),
    manyOverOne: round(median(many.map((each, at) => each / one[at]))),
    failed,
  }
}
