import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { bottleneck } from '../../src/adapters/bottleneck.ts'
import { full } from '../../src/adapters/full.ts'
import { head } from '../../src/adapters/head.ts'
import { ia3 } from '../../src/adapters/ia3.ts'
import { lora } from '../../src/adapters/lora.ts'
import { loreft } from '../../src/adapters/loreft.ts'
import { openUseLite } from '../../src/bases/use-lite/use-lite.ts'
import type { Base } from '../../src/contracts/base.ts'
import type { Version } from '../../src/versions/contract.ts'
import type { OrtThread } from '../../src/nn/onnx/thread.ts'
import { openRandom } from '../../src/platform/random.ts'
import { prepareAdapter } from '../../src/serving/engine/engine-adapter.ts'
import { openServingEngine, type ServingEngine } from '../../src/serving/engine/engine.ts'
import { classificationHead as classification } from '../../src/tasks/classification/head.ts'
import { nameOf } from '../adapters/name-of.ts'
import { labelledPlan, type LabelledPlan } from '../tasks/labelled-plan.ts'
import { randomVersion } from '../nn/random-version.ts'

const parts = { methods: { head, lora, ia3, full, bottleneck, loreft }, tasks: { classification } }
const threads: OrtThread[] = []
const random = openRandom(1, 'engine')

let base: Base
let engine: ServingEngine
beforeAll(async () => {
  base = await openUseLite()
  engine = await openServingEngine({ base, ...parts, workers: 1, onStart: (t) => threads.push(t) })
  await engine.load('lora', make({ labels: ['a', 'b'] }))
  await engine.load('other', make({ labels: ['a', 'b', 'c'] }))
  await engine.load('rank', make({ labels: ['a', 'b'], config: configOf('lora', 'all', 3) }))
  await engine.load('head', make({ method: head, config: configOf('head', 0, 0) }))
  // What a model served before its config named another method.
  for (const key of ['ia3', 'ia3-other'])
    await engine.load(key, make({ method: ia3, config: configOf('ia3', 2, 0) }))
  for (const key of ['full', 'full-other'])
    await engine.load(key, make({ method: full, config: configOf('full', 1, 0) }))
})
afterAll(() => engine.close())

const held = ['lora', 'other', 'head', 'rank', 'ia3', 'ia3-other', 'full', 'full-other']

const configOf = (method: string, tail_layers: number | 'all', rank: number) => ({
  method,
  rank,
  alpha: 2 * rank,
  tail_layers,
})

function make({ labels = ['a', 'b'], ...change }: Partial<LabelledPlan>): Version {
  const config = configOf('lora', 'all', 4)
  const plan = labelledPlan({ base, method: lora, config, ...change }, labels)
  return randomVersion(plan, random)
}

const words = 'the food was good but so cold that never again will we come to this odd place'.split(
  ' ',
)
const row = (adapter: string, length: number, from = 0) => {
  const text = Array.from({ length }, (_, at) => words[(from + at) % words.length]).join(' ')
  return { adapter, encoded: base.encode({ kind: 'text', text }, 64) }
}
const bits = (logits: Float32Array) => Buffer.from(Float32Array.from(logits).buffer).toString('hex')

test('each row is answered by its own adapter, with as many logits as that has labels', async () => {
  const rows = [...held.map((key) => row(key, 3)), row('lora', 3, 2)]
  const answers = await engine.run(rows)
  expect(answers.map(({ length }) => length)).toEqual([2, 3, 2, 2, 2, 2, 2, 2, 2])
  expect(new Set(answers.map(bits)).size).toBe(rows.length)
})

test('a row’s logits are the same to the bit, whatever runs beside it', async () => {
  for (let length = 1; length <= 14; length += 1) {
    const own = row(held[length % held.length]!, length)
    const [alone] = await engine.run([own])
    for (const company of [1, 2, 3, 6, 11]) {
      const mates = Array.from({ length: company }, () =>
        row(held[random.below(held.length)]!, 1 + random.below(14), random.below(8)),
      )
      const place = random.below(company + 1)
      const together = await engine.run([...mates.slice(0, place), own, ...mates.slice(place)])
      expect(bits(together[place]!)).toBe(bits(alone!))
    }
  }
})

test.each([lora, bottleneck, loreft])(
  'adapters of two ranks share a run: $summary',
  async (method) => {
    const name = nameOf(method)
    const versions = [3, 5].map((rank) => make({ method, config: configOf(name, 2, rank) }))
    const [three, five] = versions.map((version, at) =>
      prepareAdapter({ base, ...parts }, `key${at}`, version),
    )
    expect(three!.family).toBe(five!.family)
    const [wide] = [make({ method, config: configOf(name, 2, 9) })].map((version) =>
      prepareAdapter({ base, ...parts }, 'wide', version),
    )
    expect(wide!.family).not.toBe(three!.family)
  },
)

test('a row mixed with those of a hundred adapters has the bits that it has alone', async () => {
  const keys = Array.from({ length: 100 }, (_, at) => `tenant${at}`)
  const ranks = [2, 4, 8]
  for (const [at, key] of keys.entries()) {
    const config = configOf('lora', 1, ranks[at % ranks.length]!)
    await engine.load(key, make({ labels: at % 2 === 0 ? ['a', 'b'] : ['a', 'b', 'c'], config }))
  }
  const mixed = keys.map((key, at) => row(key, 3 + (at % 3), at))
  const together = await engine.run(mixed)
  expect(new Set(together.map(bits)).size).toBe(keys.length)
  for (const at of [0, 1, 2, 50, 99])
    expect(bits((await engine.run([mixed[at]!]))[0]!)).toBe(bits(together[at]!))
  for (const key of keys) engine.unload(key)
})

test('a fresh LoRA adapter leaves the base’s output unchanged', async () => {
  const { manifest, parameters } = make({})
  const fresh = [...parameters].map(([name, { shape, data }]) => {
    return [name, { shape, data: name.endsWith('lora_B') ? data.map(() => 0) : data }] as const
  })
  const heads = fresh.filter(([name]) => name.startsWith('head.'))
  await engine.load('fresh', { manifest, parameters: new Map(fresh) })
  await engine.load('bare', {
    manifest: { ...manifest, adapter: configOf('head', 'all', 0) },
    parameters: new Map(heads),
  })
  const [adapted, plain] = await engine.run([row('fresh', 6), row('bare', 6)])
  expect(bits(adapted!)).toBe(bits(plain!))
  engine.unload('fresh')
  engine.unload('bare')
})

test('an adapter that was loaded twice stays until it was unloaded twice', async () => {
  const version = make({})
  await engine.load('twice', version)
  await engine.load('twice', version)
  engine.unload('twice')
  expect(await engine.run([row('twice', 2)])).toHaveLength(1)
  engine.unload('twice')
  await expect(engine.run([row('twice', 2)])).rejects.toThrow('twice is not loaded')
})

test('another adapter under the same key is the one that answers next', async () => {
  await engine.load('key', make({}))
  const [before] = await engine.run([row('key', 3)])
  engine.unload('key')
  await engine.load('key', make({}))
  const [after] = await engine.run([row('key', 3)])
  expect(bits(after!)).not.toBe(bits(before!))
  engine.unload('key')
})

test('an adapter without labels answers with no logits', async () => {
  await engine.load('empty', make({ labels: [] }))
  expect((await engine.run([row('empty', 2)]))[0]).toHaveLength(0)
  engine.unload('empty')
})

test('no rows have no answers', async () => {
  expect(await engine.run([])).toEqual([])
})

test('a version for another base, method or shape is refused with its code, and not loaded', async () => {
  const version = make({})
  const { manifest, parameters } = version
  const foreign = { ...manifest, base: { name: 'bert', hash: 'another' } }
  const unknown = { ...manifest, adapter: { ...manifest.adapter, method: 'constructor' } }
  const [first] = parameters.keys()
  const torn = new Map([...parameters].filter(([name]) => name !== first))
  const code = (wrong: Version) => engine.load('wrong', wrong).catch((error: unknown) => error)
  expect(await code({ ...version, manifest: foreign })).toMatchObject({ code: 'VERSION_FOREIGN' })
  expect(await code({ ...version, manifest: unknown })).toMatchObject({ code: 'VERSION_FOREIGN' })
  expect(await code({ ...version, parameters: torn })).toMatchObject({ code: 'ADAPTER_TENSORS' })
  await expect(engine.run([row('wrong', 2)])).rejects.toThrow('not loaded')
})

test('a worker that dies with a batch waiting for it costs no answer and changes no bit', async () => {
  const rows = Array.from({ length: 24 }, (_, at) => row('lora', 1 + (at % 12), at))
  const before = await engine.run(rows)
  // It cannot read this, and dies of it.
  threads.at(-1)!.worker.postMessage(null)
  const running = engine.run(rows)
  expect((await running).map(bits)).toEqual(before.map(bits))
  expect(threads).toHaveLength(2)
})

test('several workers answer the same bits as one', async () => {
  const version = make({})
  await engine.load('shared', version)
  const pair = await openServingEngine({ base, ...parts, workers: 2 })
  onTestFinished(() => pair.close())
  await pair.load('shared', version)
  const rows = Array.from({ length: 12 }, (_, at) => row('shared', 1 + at, at))
  expect((await pair.run(rows)).map(bits)).toEqual((await engine.run(rows)).map(bits))
})
