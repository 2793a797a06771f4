/**
 * Swaps under load: 200 requests a second, 20,000 of them while the live pointer moves more than once a second, and half
 * as many in between while it rests, in turns of five seconds. Then each answer is computed again from the version that
 * it names. `p99Ratio` is the median over the turns of the p99 with swaps to the p99 without, so that what else runs on the
 * machine for a while does not decide it.
 *
 *   node test/bench/swap.mjs [requests while swapping]
 */
import { methods, openBase, openRegistry, tasks } from '../../dist/src/compose.js'
import { systemClock } from '../../dist/src/runtime/clock.js'
import { openLog } from '../../dist/src/runtime/log.js'
import { openServingEngine } from '../../dist/src/serving/engine.js'
import { startDaemon, teach, wait } from './daemon.mjs'
import { finish, latencyOf, machine, median, percentile, round, say } from './figures.mjs'
import { load } from './load.mjs'
import { sentences } from './texts.mjs'

const rate = 200
const total = Math.ceil(Number(process.argv[2] ?? 20_000) * 1.5)
const stretchMs = 5000
const swapEveryMs = 850
const model = 'sentiment'
const startedOn = machine()
const rows = sentences()
const texts = rows.slice(0, 200).map(({ text }) => text)

const daemon = await startDaemon({
  [model]: {
    base: 'use-lite',
    labels: ['negative', 'positive'],
    adapter: { method: 'lora', rank: 8, alpha: 16, tail_layers: 'all' },
  },
})
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
  const stretchOf = ({ dueMs }) => swapping.stretchAt(startedAt + dueMs)
  const isSwapped = (answer) => isSwapping(stretchOf(answer))
  const good = answers.filter(({ status }) => status === 200)
  const quiet = good.filter((answer) => !isSwapped(answer)).map(({ ms }) => ms)
  const swapped = good.filter(isSwapped).map(({ ms }) => ms)
  const checked = await recompute(good)
  finish('swap', startedOn, {
    ...{ rate, requests: answers.length, failed: answers.length - good.length },
    swaps: swaps.length,
    versionsSeen: new Set(good.map(({ version }) => version)).size,
    swapMs: latencyOf(swaps),
    withoutSwapsMs: latencyOf(quiet),
    withSwapsMs: latencyOf(swapped),
    p99Ratio: round(median(ratios(good, stretchOf))),
    p99RatioOfAll: round(percentile(swapped, 0.99) / percentile(quiet, 0.99)),
    ...checked,
  })
} finally {
  await daemon.stop()
}

function eventOf({ text, label }, index) {
  return { id: `e-${index}`, source: 'bench', input: { text }, label }
}

/** One stretch of rest, two of swaps. */
function isSwapping(stretch) {
  return stretch % 3 !== 0
}

/** p99 of each pair of stretches with swaps to the p99 of the rest before. */
function ratios(answers, stretchOf) {
  const turns = []
  for (const answer of answers) {
    const stretch = stretchOf(answer)
    const turn = (turns[Math.floor(stretch / 3)] ??= { rest: [], swaps: [] })
    turn[isSwapping(stretch) ? 'swaps' : 'rest'].push(answer.ms)
  }
  const least = (rate * stretchMs) / 1000 / 2
  const whole = turns.filter(({ rest, swaps }) => Math.min(rest.length, swaps.length) > least)
  return whole.map(({ rest, swaps }) => percentile(swaps, 0.99) / percentile(rest, 0.99))
}

/** Moves the pointer along the versions, in two of three stretches of time. */
function startSwapping(versions) {
  const startedAt = performance.timeOrigin + performance.now()
  const stretchAt = (at) => Math.floor((at - startedAt) / stretchMs)
  const took = []
  let swapping = true
  const work = (async () => {
    for (let turn = 0; swapping;) {
      await wait(swapEveryMs)
      if (!isSwapping(stretchAt(performance.timeOrigin + performance.now()))) continue
      const began = performance.now()
      const version = versions[(turn += 1) % versions.length]
      const move = { version, reason: 'bench' }
      const { status } = await daemon.http.post(`/v1/models/${model}/promote`, move)
      if (status === 200) took.push(performance.now() - began)
      else say(`a swap answered ${status}`)
    }
    return took
  })()
  return {
    stretchAt,
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
  const registry = await openRegistry(daemon.config, model, base, { clock: systemClock, log })
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
      known.set(key, tasks.classification.decode(logits, manifest.labels))
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
