/** The serving engine by itself: beside its peers, with many adapters in one batch, and in 8 bits. */
import { existsSync } from 'node:fs'
import { embedded } from '../../../dist/src/adapters/view.js'
import { freshAdapter } from '../../../dist/src/adapters/adapter.js'
import { quantized } from '../../../dist/src/adapters/quantized.js'
import { pulledFolder } from '../../../dist/src/bases/pulled/pulled.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { stackOf } from '../../../dist/src/nn/onnx/held-adapters.js'
import { feedsOf } from '../../../dist/src/nn/rows.js'
import { ROW_ADAPTER } from '../../../dist/src/nn/onnx/ops.js'
import { openSession, ortTensor } from '../../../dist/src/nn/onnx/session.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { methods, tasks } from '../../../dist/src/plugins.js'
import { prepareAdapter } from '../../../dist/src/serving/engine/engine-adapter.js'
import { planRuns } from '../../../dist/src/serving/engine/engine.js'
import { openServingEngine } from '../../../dist/src/serving/engine/engine.js'
import { cpuTime, median, round, say } from '../lib/figures.mjs'
import { openPeers } from './serve-peers.mjs'
import { readTexts } from '../lib/text-stream.mjs'

const HEAD = { method: 'head', tail_layers: 0, rank: 0, alpha: 1 }
const LORA = { method: 'lora', tail_layers: 2, rank: 8, alpha: 16 }
const shapes = [
  { batch: 1, tokens: 16, times: 30 },
  { batch: 32, tokens: 32, times: 3 },
]

/** From token ids to the embedding, and for ours to the logits of a head on it. */
export async function againstPeers({ rounds, base: name }) {
  if (!existsSync(pulledFolder(name))) throw new Error(`antikythera models pull ${name}`)
  const base = await openBase(name)
  const peers = await openPeers(name, base)
  const ours = [
    await openOurs('antikythera, head', base, HEAD),
    await openOurs('antikythera, LoRA on 2 layers', base, LORA),
    await openOurs('antikythera int8, head', quantized(base), HEAD),
    await openOurs('antikythera int8, LoRA on 2 layers', quantized(base), LORA),
    await openSessionAlone('antikythera, head, the session alone', base, HEAD),
  ]
  const sides = [...ours, ...peers]
  const cosines = await agreement(base, peers)
  const measured = {}
  for (const { batch, tokens, times } of shapes) {
    const taken = Object.fromEntries(sides.map(({ name }) => [name, { ms: [], cpuMs: [] }]))
    for (const { run } of sides) await run(batch, tokens, times)
    for (let at = 0; at < rounds; at += 1)
      for (const { name, run } of sides) {
        const { ms, cpuMs } = await run(batch, tokens, times)
        taken[name].ms.push(median(ms))
        taken[name].cpuMs.push(cpuMs)
      }
    measured[`${batch} × ${tokens}`] = tableOf(taken)
    say(`${batch} × ${tokens}: ${JSON.stringify(measured[`${batch} × ${tokens}`])}`)
  }
  for (const { close } of sides) await close()
  const versions = Object.fromEntries(peers.map(({ name, version }) => [name, version]))
  return { base: name, versions, cosines, ms: measured }
}

/** Medians in milliseconds, on the clock and of CPU, and CPU over that of float32 with a head: above 1, the head is ahead. */
function tableOf(taken) {
  const own = taken['antikythera, head'].cpuMs
  return Object.fromEntries(
    Object.entries(taken).map(([side, { ms, cpuMs }]) => [
      side,
      {
        p50: round(median(ms)),
        cpuMs: round(median(cpuMs)),
        cpuToHead: round(median(cpuMs.map((each, at) => each / own[at]))),
      },
    ]),
  )
}

async function openOurs(name, base, config) {
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  await engine.load('v1', versionOf(base, config, 1))
  return {
    name,
    async run(batch, tokens, times) {
      const rows = rowsOf(batch, tokens)
      return timed(times, () => engine.run(rows))
    },
    close: () => engine.close(),
  }
}

/** The session of the engine in the thread that asks, with the same feeds every time: what the way to a worker's thread and back adds. */
async function openSessionAlone(name, base, config) {
  const adapter = prepareAdapter({ base, methods, tasks }, 'v1', versionOf(base, config, 1))
  const session = await openSession(Uint8Array.from(adapter.graph.model()))
  const stack = stackOf([adapter.tensors])
  return {
    name,
    async run(batch, tokens, times) {
      const runs = planRuns(rowsOf(batch, tokens), () => adapter.family).map((run) => {
        const encoded = run.rows.map((row) => row.encoded)
        const places = { shape: [encoded.length], data: new Int32Array(encoded.length) }
        const own = { ...feedsOf(encoded, run.positions, {}), [ROW_ADAPTER]: places }
        const tensors = Object.entries(own).map(([key, tensor]) => [key, ortTensor(tensor)])
        return { ...stack, ...Object.fromEntries(tensors) }
      })
      return timed(times, async () => {
        for (const feeds of runs) await session.run(feeds)
      })
    },
    close: () => session.close(),
  }
}

/** The cosine of our embedding of one row with each peer's: below 0.9999 they do not compute the same. */
async function agreement(base, peers) {
  const engine = await openTrunkEngine(embedded(base), base.network.layers, { workers: 1 })
  const [{ data }] = await engine.encode([rowOf(0, 16)])
  await engine.close()
  const cosines = {}
  for (const { name, embed } of peers) {
    const theirs = await embed(16)
    cosines[name] = round(
      data.reduce((sum, value, at) => sum + value * theirs[at], 0),
      5,
    )
    if (!(cosines[name] > 0.9999)) throw new Error(`${name} computes something else`)
  }
  return cosines
}

/** Rows of 1, 10 and 100 adapters of MiniLM in the batches of the server. */
export async function adaptersMixed({ rounds }) {
  const base = await openBase({ bert: pulledFolder('minilm') })
  const engine = await openServingEngine({ base, methods, tasks, workers: 1 })
  for (let at = 0; at < 100; at += 1)
    await engine.load(`v${at}`, versionOf(base, { ...LORA, rank: [4, 6, 8][at % 3] }, at))
  const mixes = [1, 10, 100]
  const medians = Object.fromEntries(mixes.map((count) => [count, []]))
  for (let turn = 0; turn <= rounds; turn += 1)
    for (const count of mixes) {
      let next = turn
      const batch = () =>
        Array.from({ length: 8 }, (_, at) => {
          next += 1
          return { adapter: `v${next % count}`, encoded: rowOf(at, 16) }
        })
      const { cpuMs } = await timed(16, () => engine.run(batch()))
      if (turn > 0) medians[count].push(cpuMs)
    }
  await engine.close()
  const own = medians[1]
  return {
    rows: '8 × 16 tokens, LoRA of ranks 4, 6 and 8 on 2 layers',
    ...Object.fromEntries(
      mixes.map((count) => [
        `${count} adapters`,
        {
          rowsPerCpuSecond: round(8000 / median(medians[count]), 0),
          toOne: round(median(medians[count].map((each, at) => own[at] / each))),
        },
      ]),
    ),
  }
}

/** What 8 bits cost in accuracy: the label of the nearest text, a seventh of banking77's training part against another. */
export async function int8Accuracy({ data }) {
  if (data === undefined) throw new Error('--data <folder> says where banking77 lies')
  const all = readTexts(data, 'banking77', 'train')
  const known = all.filter((_, at) => at % 7 === 0)
  const asked = all.filter((_, at) => at % 21 === 3)
  const bases = { 'use-lite': await openBase('use-lite'), minilm: await openBase('minilm') }
  const figures = { known: known.length, asked: asked.length }
  for (const [name, base] of Object.entries(bases)) {
    const [floats, eight] = [
      await embeddings(base, known, asked),
      await embeddings(quantized(base), known, asked),
    ]
    const cosines = floats.asked.map((one, at) => cosine(one, eight.asked[at]))
    figures[name] = {
      accuracy: round(nearest(floats, known, asked), 4),
      int8: round(nearest(eight, known, asked), 4),
      cosine: { median: round(median(cosines), 4), least: round(Math.min(...cosines), 4) },
    }
  }
  return figures
}

async function embeddings(base, known, asked) {
  const engine = await openTrunkEngine(embedded(base), base.network.layers, { workers: 1 })
  const vectors = []
  const texts = [...known, ...asked]
  for (let from = 0; from < texts.length; from += 64) {
    const rows = texts
      .slice(from, from + 64)
      .map(({ text }) => base.encode({ kind: 'text', text }, 64))
    vectors.push(...(await engine.encode(rows)).map(({ data }) => data))
  }
  await engine.close()
  return { known: vectors.slice(0, known.length), asked: vectors.slice(known.length) }
}

function nearest(vectors, known, asked) {
  const right = vectors.asked.filter((vector, at) => {
    const scores = vectors.known.map((other) => cosine(vector, other))
    return known[scores.indexOf(Math.max(...scores))].label === asked[at].label
  })
  return right.length / asked.length
}

function cosine(one, other) {
  let [product, a, b] = [0, 0, 0]
  for (let at = 0; at < one.length; at += 1) {
    product += one[at] * other[at]
    a += one[at] * one[at]
    b += other[at] * other[at]
  }
  return product / Math.sqrt(a * b)
}

async function timed(times, work) {
  const ms = []
  const worked = cpuTime()
  for (let at = 0; at < times; at += 1) {
    const began = performance.now()
    await work()
    ms.push(performance.now() - began)
  }
  return { ms, cpuMs: worked() / times }
}

function rowsOf(batch, tokens) {
  return Array.from({ length: batch }, (_, at) => ({ adapter: 'v1', encoded: rowOf(at, tokens) }))
}

/** The same ids as the peers get. */
function rowOf(at, tokens) {
  const id = (_, place) => 200 + ((at * 104729 + place * 7919) % 7000)
  return { data: Int32Array.from({ length: tokens }, id) }
}

function versionOf(base, config, seed) {
  const plan = { base, method: methods[config.method], task: tasks.classification, config }
  const labels = ['negative', 'positive']
  const parameters = freshAdapter({ ...plan, outputs: labels.length }, openRandom(seed, 'bench'))
  const manifest = {
    model: 'bench',
    version: 'v1',
    base: { name: base.name, hash: base.hash },
    task: 'classification',
    facts: { labels },
    adapter: config,
  }
  return { manifest, parameters }
}
