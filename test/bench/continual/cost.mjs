/**
 * What each method costs on MiniLM, which `antikythera models pull minilm` puts in the cache. Every method has a process of its
 * own, and they take turns, so that a busy machine slows what is compared alike.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cutOf } from '../../../dist/src/adapters/target-modules.js'
import { viewOf } from '../../../dist/src/adapters/view.js'
import { openBase } from '../../../dist/src/config/model-parts.js'
import { methods } from '../../../dist/src/plugins.js'
import { openTrunkEngine } from '../../../dist/src/nn/onnx/trunk-engine.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { round, mean, spread } from '../lib/figures.mjs'
import { sentences } from '../lib/texts.mjs'

const setting = {
  ...{ rounds: 8, steps: 3, fresh: 16, texts: 320 },
  ...{ compiled: true, tail_layers: 2, rank: 8 },
}
const tail = { tail_layers: setting.tail_layers, rank: setting.rank, alpha: 2 * setting.rank }
const none = { tail_layers: 0, rank: 0, alpha: 1 }
const kinds = {
  head: { method: 'head', ...none },
  ncm: { method: 'ncm', ...none },
  slda: { method: 'slda', depth: 2, shrinkage: 1e-4, ...none },
  ranpac: { method: 'ranpac', depth: 2, features: 1024, ridge: 3, ...none },
  ...Object.fromEntries(
    ['bitfit', 'ia3', 'lora', 'dora', 'loreft'].map((method) => [method, { method, ...tail }]),
  ),
  'bottleneck, pfeiffer': { method: 'bottleneck', placement: 'pfeiffer', ...tail },
  'bottleneck, houlsby': { method: 'bottleneck', placement: 'houlsby', ...tail },
  full: { method: 'full', ...tail },
}
const labels = ['negative', 'positive']
const program = fileURLToPath(new URL('cost-child.mjs', import.meta.url))

export async function measure({ seeds, run }) {
  const found = []
  for (const seed of seeds) {
    const figures = await run(`repetition ${seed}`, { ...setting, kinds }, () => repetition(seed))
    if (figures !== undefined) found.push(figures)
  }
  return tableOf(found, Object.keys(kinds), setting)
}

async function repetition(seed) {
  const folder = join(userCache(), 'models', 'minilm')
  const base = await openBase({ bert: folder })
  const latents = new Map()
  const children = []
  for (const [kind, config] of Object.entries(kinds)) {
    const rows = await rowsOf(base, config, latents)
    const child = started()
    const size = await child.ask({ kind: 'open', folder, config, labels, rows, seed })
    children.push({ kind, child, size })
  }
  const { rounds, steps: count, fresh } = setting
  for (let at = 0; at <= rounds; at += 1)
    for (const { child } of children)
      await child.ask({ kind: 'steps', count, fresh, isCounted: at > 0 })
  const figures = {}
  for (const { kind, child, size } of children) {
    figures[kind] = rounded({ ...size, ...(await child.ask({ kind: 'finish' })) })
    await child.end()
  }
  return figures
}

function started() {
  const child = fork(program, [], { execArgv: ['--expose-gc'], serialization: 'advanced' })
  const died = once(child, 'exit').then(([code]) => {
    throw new Error(`the process of a method ended with ${code}`)
  })
  died.catch(() => undefined)
  return {
    async ask(message) {
      child.send(message)
      const [answer] = await Promise.race([once(child, 'message'), died])
      return answer
    },
    async end() {
      child.kill()
      await died.catch(() => undefined)
    },
  }
}

/** Through the trunk here, so that no child has ever held one. */
async function rowsOf(whole, config, known) {
  const base = viewOf(whole, methods[config.method], config)
  const cut = cutOf(config.tail_layers, base.network.layers)
  const name = `${base.trunk} ${cut}`
  if (known.has(name)) return known.get(name)
  const texts = sentences().slice(0, setting.texts)
  const encoded = texts.map(({ text }) => base.encode({ kind: 'text', text }, 64))
  const trunk = await openTrunkEngine(base, cut)
  const latents = await trunk.encode(encoded)
  await trunk.close()
  const rows = latents.map((latent, at) => ({
    latent,
    target: { kind: 'label', label: texts[at].label },
    weight: 1,
  }))
  known.set(name, rows)
  return rows
}

function rounded({ own, head, bytes, growth, ...times }) {
  const ms = Object.entries(times).map(([name, value]) => [name, round(value)])
  return { own, head, bytes, growthMiB: round(growth / 2 ** 20, 1), ...Object.fromEntries(ms) }
}

/** `found`: a repetition each. */
export function tableOf(found, kinds, setting) {
  const rows = kinds.map((kind) => {
    const all = found.map((figures) => figures[kind])
    const of = (field, digits) =>
      spread(
        all.map((figures) => figures[field]),
        digits,
      )
    const [first] = all
    return [
      ...[kind, (first?.own ?? 0).toLocaleString('en'), (first?.bytes ?? 0).toLocaleString('en')],
      of('stepMs', 2),
      `${mean(found.map((figures) => figures[kind].stepMs / figures.head.stepMs)).toFixed(1)} ×`,
      ...[of('versionMs'), of('swapMs'), of('growthMiB', 0)],
    ]
  })
  const columns = [
    ...['method', 'trainable numbers', 'bytes of a version', 'a step, ms', 'to head'],
    ...['making a version, ms', 'swap-in, ms', 'memory, MiB'],
  ]
  const head = found[0]?.head.head.toLocaleString('en')
  return { columns, rows, note: noteOf(head, setting, found.length) }
}

function noteOf(head, setting, repetitions) {
  const steps = setting.rounds * setting.steps
  return [
    `MiniLM (6 layers, 384 wide), the ${setting.tail_layers} upper layers as the tail, rank ${setting.rank}, two labels, sentences of reviews. Trainable`,
    `numbers besides those of the head, ${head} on the embedding alone; bytes of the adapter’s and the head’s files. A step: ${setting.fresh} new and ${setting.fresh} replayed rows`,
    'from kept latents, closed forms the new ones alone. Making a version: solving for the head where it is solved for, and the',
    'bytes of its files. Swap-in: into an engine that answers with another version of the kind. Milliseconds are those that the',
    'threads of a process work, one of TensorFlow or of ONNX Runtime among them, which other load on the machine makes hardly',
    `longer: medians of ${steps} steps, in rounds in which the methods take turns. Memory: the peak of the process that trains over what`,
    `it had with base and engine loaded. All are mean ± standard deviation of ${repetitions} repetitions in fresh processes.`,
  ].join(' ')
}
