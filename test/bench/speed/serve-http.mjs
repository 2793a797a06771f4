/** Serving over HTTP against the same version in this process, and with many tenants on one base. */
import { cpus } from 'node:os'
import { openPredictor, readConfig } from '../../../dist/program/src/antikythera.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { startDaemon } from '../lib/daemon.mjs'
import { median, percentile, round, say } from '../lib/figures.mjs'
import { load } from '../lib/load.mjs'
import { textsOfLength } from '../lib/texts.mjs'

const TOKENS = 16
const labels = ['negative', 'positive']
const lora = { method: 'lora', rank: 8, alpha: 16, tail_layers: 2 }

/** One client, one text of 16 tokens at a time. */
export async function overHttp({ rounds, threads, base: asked }) {
  const bases = asked === 'minilm' ? ['use-lite', asked] : [asked]
  const models = Object.fromEntries(
    bases.flatMap((base) => [
      [`${base}-head`, { base, max_tokens: TOKENS, labels, adapter: { method: 'head' } }],
      [`${base}-lora`, { base, max_tokens: TOKENS, labels, adapter: lora }],
    ]),
  )
  const daemon = await startDaemon(models, { server: { workers: threads } })
  const figures = {}
  try {
    const config = readConfig(daemon.configFile)
    for (const model of Object.keys(models)) {
      const base = await openBase(models[model].base)
      const texts = textsOfLength(base, TOKENS, 64)
      const predictor = await openPredictor(config, { model, threads })
      const client = (durationMs) =>
        load('closedLoop', { port: daemon.port, model, clients: 1, texts, durationMs })
      await client(1000)
      await inProcess(predictor, texts, 1000)
      const [http, inside] = [[], []]
      for (let at = 0; at < rounds; at += 1) {
        inside.push(median(await inProcess(predictor, texts, 700)))
        http.push(median((await client(700)).latencies))
      }
      await predictor.close()
      figures[model] = {
        httpMs: round(median(http)),
        inProcessMs: round(median(inside)),
        httpOverInProcess: round(median(http.map((each, at) => each / inside[at]))),
      }
      say(`${model}: ${JSON.stringify(figures[model])}`)
    }
  } finally {
    await daemon.stop()
  }
  return { tokens: TOKENS, ...figures }
}

async function inProcess(predictor, texts, durationMs) {
  const ms = []
  const until = performance.now() + durationMs
  for (let at = 0; performance.now() < until; at += 1) {
    const began = performance.now()
    await predictor.predict([texts[at % texts.length]])
    ms.push(performance.now() - began)
  }
  return ms
}

/** 1, 10 and 100 models of LoRA on one base, 32 clients whose requests go around them. */
export async function tenantsMixed({ rounds, threads }) {
  const base = 'use-lite'
  const names = Array.from({ length: 100 }, (_, at) => `tenant-${at}`)
  const model = { base, max_tokens: TOKENS, labels, adapter: { ...lora, tail_layers: 1 } }
  const models = Object.fromEntries(names.map((name) => [name, model]))
  const daemon = await startDaemon(models, { server: { workers: threads } })
  const mixes = [1, 10, 100]
  const perSecond = Object.fromEntries(mixes.map((count) => [count, []]))
  const p99 = Object.fromEntries(mixes.map((count) => [count, []]))
  try {
    const texts = textsOfLength(await openBase(base), TOKENS, 64)
    const ask = (count, durationMs) =>
      load('closedLoop', {
        ...{ port: daemon.port, models: names.slice(0, count), clients: 32, texts, durationMs },
      })
    for (const count of mixes) await ask(count, 1500)
    for (let at = 0; at < rounds; at += 1)
      for (const count of mixes) {
        const { perSecond: rate, latencies, failed } = await ask(count, 1500)
        if (failed > 0) throw new Error(`${failed} requests failed`)
        perSecond[count].push(rate)
        p99[count].push(percentile(latencies, 0.99))
      }
  } finally {
    await daemon.stop()
  }
  return {
    ...{ base, clients: 32, tokens: TOKENS, cores: cpus().length },
    ...Object.fromEntries(
      mixes.map((count) => [
        `${count} adapters`,
        {
          perSecond: round(median(perSecond[count]), 0),
          p99Ms: round(median(p99[count])),
          toOne: round(median(perSecond[count].map((each, at) => each / perSecond[1][at]))),
        },
      ]),
    ),
  }
}
