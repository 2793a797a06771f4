/**
 * Swaps under load: 20,000 requests at 200 a second, in which the live pointer moves every 0.4 s in every other stretch
 * of five seconds; then each answer is computed again from the version that it names.
 *
 *   node test/bench/faults/swap.mjs [requests]
 */
import { cpus } from 'node:os'
import { loadConfig } from '../../../dist/src/config/config.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { openRegistry } from '../../../dist/src/app/model.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { systemClock } from '../../../dist/src/platform/clock.js'
import { openLog } from '../../../dist/src/platform/log.js'
import { openServingEngine } from '../../../dist/src/serving/engine/engine.js'
import { startDaemon, teach, wait } from '../lib/daemon.mjs'
import { finish, latencyOf, machine, percentile, round, say } from '../lib/figures.mjs'
import { load } from '../lib/load.mjs'
import { classificationOf } from '../lib/learner.mjs'
import { sentences } from '../lib/texts.mjs'

const rate = 200
const total = Number(process.argv[2] ?? 20_000)
const stretchMs = 5000
const swapEveryMs = 400
const afterMs = 1000
const workers = cpus().length
const model = 'sentiment'
const startedOn = machine()
const rows = sentences()
const texts = rows.slice(0, 200).map(({ text }) => text)

const models = {
  [model]: {
    base: 'use-lite',
    labels: ['negative', 'positive'],
    adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 'all' },
  },
}
const daemon = await startDaemon(models, { server: { workers } })
try {
  say('teaching 160 events: ten versions')
  await teach(daemon.http, model, rows.slice(0, 160).map(eventOf))
  const { body } = await daemon.http.get(`/v1/models/${model}/versions`)
  const versions = body.versions.map(({ version }) => version)
  await load('closedLoop', { port: daemon.port, model, clients: 2, texts, durationMs: 2000 })
  say(`${total} requests at ${rate} a second, over ${versions.length} versions`)
  const swapping = startSwapping(versions)
  const { answers, startedAt } = await load('openLoop', {
    ...{ port: daemon.port, model, rate, total, texts },
  })
  const swaps = await swapping.stop()
  const isSwapped = ({ dueMs }) =>
    swapping.isOn(startedAt + dueMs) || swapping.isOn(startedAt + dueMs - afterMs)
  const good = answers.filter(({ status }) => status === 200)
  const quiet = good.filter((answer) => !isSwapped(answer)).map(({ ms }) => ms)
  const swapped = good.filter(isSwapped).map(({ ms }) => ms)
  const checked = await recompute(good)
  finish('swap', startedOn, {
    ...{
      engineThreads: workers,
      rate,
      requests: answers.length,
      failed: answers.length - good.length,
    },
    swaps: swaps.length,
    versionsSeen: new Set(good.map(({ version }) => version)).size,
    swapMs: latencyOf(swaps),
    withoutSwapsMs: latencyOf(quiet),
    withSwapsMs: latencyOf(swapped),
    p99Ratio: round(percentile(swapped, 0.99) / percentile(quiet, 0.99)),
    ...checked,
  })
} finally {
  await daemon.stop()
}

function eventOf({ text, label }, index) {
  return { id: `e-${index}`, source: 'bench', input: { text }, label }
}

/** Moves the pointer along the versions, in every other stretch of time. */
function startSwapping(versions) {
  const startedAt = performance.timeOrigin + performance.now()
  const isOn = (at) => Math.floor((at - startedAt) / stretchMs) % 2 === 1
  const took = []
  let swapping = true
  const work = (async () => {
    for (let turn = 0; swapping;) {
      await wait(swapEveryMs)
      if (!isOn(performance.timeOrigin + performance.now())) continue
      const began = performance.now()
      const version = versions[(turn += 1) % versions.length]
      const move = { version, reason: 'bench', undone: true }
      const { status } = await daemon.http.post(`/v1/models/${model}/promote`, move)
      if (status === 200) took.push(performance.now() - began)
      else say(`a swap answered ${status}`)
    }
    return took
  })()
  return {
    isOn,
    async stop() {
      swapping = false
      return work
    },
  }
}

/** The answers once more, one row at a time, in another engine: the scores must be the same to the last bit. */
async function recompute(answers) {
  const log = openLog({ level: 'error' })
  const base = await openBase('use-lite')
  const config = loadConfig(daemon.configFile)
  const registry = await openRegistry(config, model, base, { clock: systemClock, log })
  const task = classificationOf([])
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  const known = new Map()
  let mismatches = 0
  for (const { version, digest, text, agrees, label, scores } of answers) {
    const key = `${version} ${text}`
    if (!known.has(version)) {
      const loaded = await registry.load(version)
      await engine.load(version, loaded)
      known.set(version, loaded.manifest)
    }
    const manifest = known.get(version)
    if (!known.has(key)) {
      const encoded = base.encode({ kind: 'text', text: texts[text] }, 64)
      const [logits] = await engine.run([{ adapter: version, encoded }])
      known.set(key, task.decode(logits, { facts: manifest.facts }))
    }
    const expected = known.get(key)
    const same =
      agrees &&
      digest === manifest.digest &&
      label === expected.label &&
      JSON.stringify(scores) === JSON.stringify(expected.scores)
    if (!same) mismatches += 1
  }
  await engine.close()
  await registry.close()
  return { recomputed: answers.length, mismatches }
}
