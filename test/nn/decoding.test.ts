/** Texts continued with kept keys and values, against the whole network computed again for each token. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { lora } from '../../src/adapters/lora.ts'
import { loreft } from '../../src/adapters/loreft.ts'
import { quantized } from '../../src/adapters/quantized.ts'
import type { Base } from '../../src/contracts/base.ts'
import { KeyValues } from '../../src/nn/onnx/decoding/key-values.ts'
import { decodingGraph } from '../../src/nn/onnx/decoding/record.ts'
import { sampleToken, type DrawnToken } from '../../src/nn/onnx/decoding/sample.ts'
import { openSession, ortTensor, type OnnxSession } from '../../src/nn/onnx/session.ts'
import { paramInput } from '../../src/nn/onnx/ops.ts'
import { recordGraph } from '../../src/nn/record.ts'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openRandom } from '../../src/platform/random.ts'
import { DecodeScheduler } from '../../src/serving/engine/decode-scheduler.ts'
import { DecodingEngine } from '../../src/serving/engine/decoding-engine.ts'
import type { Version } from '../../src/versions/contract.ts'
import { thrown } from '../coded.ts'
import { openFakeClock } from '../serving/fake-clock.ts'
import { config, decoders, openTiny, parts, versionOfTiny, writing } from './tiny-language.ts'

const greedy = { temperature: 0, topP: 1, draw: 0 }
const prompts = [[5, 9, 33, 70, 2, 8, 100, 250, 3, 17], [7, 8, 9], [11]]

/** All positions at once, with the attention that training computes. */
async function openWhole(base: Base, { parameters }: Version) {
  const sites = base.network.sites(1)
  const method = lora.open({ ...config() })
  const model = recordGraph({
    weights: base.weights,
    paramRanks: new Map(method.parameters(sites).map(({ name, shape }) => [name, shape.length])),
    alone: true,
    quantize: base.quantize,
    build(ops, graph, trunkOps) {
      const mask = graph.input('mask', 'float32', ['batch', 'positions'])
      const ids = graph.input('ids', 'int32', ['batch', 'positions'])
      const hidden = base.network.trunk(trunkOps, { ids, mask }, 1)
      const adaptation = method.adaptation(ops, sites, true)
      const positions = base.network.tail(ops, hidden, mask, 1, adaptation)
      const words = ops.transpose(ops.weight(base.network.vocabulary!.weight))
      return { logits: ops.matMul(positions, words) }
    },
  })
  const session = await openSession(Uint8Array.from(model))
  const tensors = [...method.fold(parameters, base)].map(([name, { shape, data }]) => {
    const stacked = shape.length === 2 ? [1, 1, ...shape] : [1, ...shape]
    return [paramInput(name), ortTensor({ shape: stacked, data })] as const
  })
  return { session, feeds: Object.fromEntries(tensors) }
}

async function continueWhole(
  { session, feeds }: { session: OnnxSession; feeds: object },
  prompt: readonly number[],
  count: number,
) {
  const ids = [...prompt]
  for (let step = 0; step < count; step += 1) {
    const shape = [1, ids.length]
    const mask = ortTensor({ shape, data: new Float32Array(ids.length).fill(1) })
    const whole = { ...feeds, mask, ids: ortTensor({ shape, data: Int32Array.from(ids) }) }
    const { logits } = await session.run(whole)
    const size = logits!.shape.at(-1)!
    ids.push(sampleToken((logits!.data as Float32Array).slice(-size), greedy, 0).token)
  }
  return ids.slice(prompt.length)
}

let sequences = 0
async function continueKept(
  engine: DecodingEngine,
  adapter: string,
  prompt: readonly number[],
  count: number,
) {
  const sequence = (sequences += 1)
  const tokens: number[] = []
  let from = 0
  for (let ids = Int32Array.from(prompt); tokens.length < count;) {
    const { drawn } = await engine.step([{ sequence, adapter, from, ids, sampling: greedy }])
    from += ids.length
    tokens.push(drawn[0]!.token)
    ids = Int32Array.of(drawn[0]!.token)
  }
  engine.forget([sequence])
  return tokens
}

let base: Base
let engine: DecodingEngine
beforeAll(async () => {
  base = await openTiny()
  // The bits do not depend on the number of threads.
  engine = new DecodingEngine({ base, ...parts, threads: 2 })
  await engine.load('one', versionOfTiny(base, 1))
  await engine.load('two', versionOfTiny(base, 2))
  await engine.load('wide', versionOfTiny(base, 3, 16))
})
afterAll(() => engine.close())

// Heads of 8 are turned by an operator of their own, those of 16 within the attention.
test.each(decoders)(
  'the likeliest tokens are those of the network computed whole: %s',
  async (name) => {
    const other = await openTiny(name)
    const own = new DecodingEngine({ base: other, ...parts })
    const version = versionOfTiny(other, 1)
    await own.load('key', version)
    const whole = await openWhole(other, version)
    for (const prompt of prompts)
      expect(await continueKept(own, 'key', prompt, 20)).toEqual(
        await continueWhole(whole, prompt, 20),
      )
    await own.close()
    await whole.session.close()
  },
)

test.each(decoders)(
  'without an adapter the next token is the one of Hugging Face transformers: %s',
  async (name) => {
    const other = await openTiny(name)
    const own = new DecodingEngine({ base: other, ...parts })
    const { manifest, parameters } = versionOfTiny(other, 1)
    const zeros = [...parameters].map(([key, { shape, data }]) => {
      return [key, { shape, data: new Float32Array(data.length) }] as const
    })
    await own.load('key', { manifest, parameters: new Map(zeros) })
    const path = new URL(`../reference/tiny-causal/${name}/reference.json`, import.meta.url)
    const rows = JSON.parse(readFileSync(path, 'utf8')) as { ids: number[]; hidden: string }[]
    for (const { ids, hidden } of rows) {
      const last = new Float32Array(Uint8Array.from(Buffer.from(hidden, 'base64')).buffer)
      const { shape, data } = other.weights.get(other.network.vocabulary!.weight)!
      const logits = Float32Array.from({ length: shape[0]! }, (_, word) =>
        last.reduce((sum, value, at) => sum + value * data[word * shape[1]! + at]!, 0),
      )
      expect(await continueKept(own, 'key', ids, 1)).toEqual([sampleToken(logits, greedy, 0).token])
    }
    await own.close()
  },
)

test('an adapter that edits the last positions of a text is refused', () => {
  const edits = { method: 'loreft', rank: 2, alpha: 2, tail_layers: 1, positions: { last: 1 } }
  const record = () => decodingGraph({ base, cut: 1, method: loreft, config: edits, task: writing })
  expect(thrown(record)).toMatchObject({ code: 'ADAPTER_INVALID' })
})

// A last bit of difference before a rounding is a whole step behind it, so that only most of the tokens are equal.
test('a trunk in 8 bits writes what it says when computed whole', async () => {
  const eight = quantized(base)
  const own = new DecodingEngine({ base: eight, ...parts })
  const version = versionOfTiny(eight, 1)
  await own.load('key', version)
  const whole = await openWhole(eight, version)
  let equal = 0
  for (const prompt of prompts)
    for (let from = 1; from <= prompt.length; from += 1) {
      const some = prompt.slice(0, from)
      const [kept, expected] = [
        await continueKept(own, 'key', some, 1),
        await continueWhole(whole, some, 1),
      ]
      equal += Number(kept[0] === expected[0])
    }
  expect(equal).toBeGreaterThanOrEqual(13)
  await own.close()
  await whole.session.close()
})

test.each(['llama', 'gemma3'] as const)(
  'a prompt in parts, one token at a time or whole gives the same text: %s',
  async (name) => {
    const other = await openTiny(name)
    const own = new DecodingEngine({ base: other, ...parts })
    await own.load('one', versionOfTiny(other, 1))
    const prompt = Int32Array.from({ length: 40 }, (_, at) => (at * 37) % 300)
    const expected = await continueKept(own, 'one', [...prompt], 1)
    for (const size of [1, 3, 7]) {
      const sequence = (sequences += 1)
      let last = -1
      for (let from = 0; from < prompt.length; from += size) {
        const ids = prompt.slice(from, from + size)
        const row = { sequence, adapter: 'one', from, ids, sampling: greedy }
        last = (await own.step([row])).drawn[0]!.token
      }
      own.forget([sequence])
      expect([last]).toEqual(expected)
    }
    await own.close()
  },
)

test('a text has the bits that it has alone, whatever versions and lengths are in the batch, and whichever text leaves it', async () => {
  const rows = prompts.map((prompt, at) => ({
    sequence: (sequences += 1),
    adapter: at === 1 ? 'two' : 'one',
    ids: Int32Array.from(prompt),
  }))
  const alone: number[][] = []
  const own = sequences + 1000
  for (const [at, { ids, adapter }] of rows.entries())
    alone.push(await probabilities(engine, own + at, adapter, ids, 6))
  const texts = rows.map((row) => ({ ...row, from: 0, said: [] as number[] }))
  const advance = async (some: typeof texts) => {
    const { drawn } = await engine.step(some.map((text) => ({ ...text, sampling: greedy })))
    for (const [at, text] of some.entries()) {
      text.from += text.ids.length
      text.ids = Int32Array.of(drawn[at]!.token)
      text.said.push(drawn[at]!.logProbability)
    }
  }
  for (const text of texts) await advance([text])
  await advance(texts)
  await advance(texts)
  engine.forget([texts[0]!.sequence])
  for (let step = 0; step < 3; step += 1) await advance(texts.slice(1))
  expect(texts.map(({ said }) => said)).toEqual([alone[0]!.slice(0, 3), alone[1], alone[2]])
  engine.forget(texts.map(({ sequence }) => sequence))
})

async function probabilities(
  of: DecodingEngine,
  sequence: number,
  adapter: string,
  prompt: Int32Array,
  count: number,
) {
  const said: number[] = []
  let from = 0
  for (let ids = prompt; said.length < count;) {
    const { drawn } = await of.step([{ sequence, adapter, from, ids, sampling: greedy }])
    from += ids.length
    ids = Int32Array.of(drawn[0]!.token)
    said.push(drawn[0]!.logProbability)
  }
  of.forget([sequence])
  return said
}

test('adapters of other shapes have a batch of their own, and what is kept of texts is released', async () => {
  expect(engine.laneOf('one')).toBe(engine.laneOf('two'))
  expect(engine.laneOf('wide')).not.toBe(engine.laneOf('one'))
  const row = { sequence: (sequences += 1), adapter: 'one', from: 0, ids: Int32Array.of(1, 2) }
  const { cacheBytes, drawn } = await engine.step([row])
  expect(cacheBytes).toBe(64 * engine.positionBytes('one'))
  expect(drawn[0]!.token).toBe(-1)
  engine.forget([row.sequence])
  const other = { ...row, sequence: (sequences += 1) }
  expect((await engine.step([other])).cacheBytes).toBe(64 * engine.positionBytes('one'))
  engine.forget([other.sequence])
})

test('texts of all lengths and lanes keep no more keys and values than the limit says', async () => {
  const limit = 8 * 64 * engine.positionBytes('one')
  let most = 0
  const measured: typeof engine.step = async (rows) => {
    const step = await engine.step(rows.map((row) => ({ ...row, sequence: row.sequence + 1e6 })))
    most = Math.max(most, step.cacheBytes)
    return step
  }
  const metrics = openMetrics()
  const scheduler = new DecodeScheduler({
    ...{ base: 'tiny', metrics, clock: openFakeClock() },
    engine: {
      laneOf: (key) => engine.laneOf(key),
      positionBytes: (key) => engine.positionBytes(key),
      readTokens: async () => engine.readTokens(),
      reuse: async () => Promise.resolve(0),
      step: measured,
      forget: (ended) => engine.forget(ended.map((sequence) => sequence + 1e6)),
    },
    limits: {
      ...{ generation_texts: 8, generation_queue: 100, generation_queue_tokens: 1e6 },
      generation_cache_bytes: limit,
    },
  })
  const random = openRandom(5, 'cache')
  const texts = Array.from({ length: 40 }, async (_, at) => {
    const [stream] = scheduler.run({
      ...{ model: 'm', adapter: at % 4 === 3 ? 'wide' : 'one', ends: [] },
      prompt: Int32Array.from({ length: 1 + random.below(at % 5 === 0 ? 120 : 20) }, () => 7),
      ...{ maxTokens: 1 + random.below(40), sampling: greedy, draws: [random] },
      signal: new AbortController().signal,
    })
    let count = 0
    for await (const { logProbability } of stream!) count += Number(logProbability <= 0)
    return count
  })
  expect(Math.min(...(await Promise.all(texts)))).toBeGreaterThan(0)
  expect(most).toBeGreaterThan(limit / 2)
  expect(most).toBeLessThanOrEqual(limit)
  await scheduler.close()
  metrics.close()
})

const ORDER = {
  type: 'object',
  properties: { item: { type: 'string', maxLength: 6 }, count: { type: 'integer' } },
  required: ['item', 'count'],
}

test('texts that a schema bounds are its JSON, and those beside them in the batch stay what they are', async () => {
  const metrics = openMetrics()
  const scheduler = new DecodeScheduler({
    ...{ base: 'tiny', metrics, clock: openFakeClock(), engine },
    limits: {
      ...{ generation_texts: 8, generation_queue: 100, generation_queue_tokens: 1e6 },
      generation_cache_bytes: 1e9,
    },
  })
  await scheduler.readTokens()
  const { ends, text } = base.language!
  const write = async (seed: number, bounds?: string) => {
    const [stream] = scheduler.run({
      ...{ model: 'm', adapter: 'one', ends, maxTokens: 120, bounds },
      ...{ prompt: Int32Array.of(7, 8, 9), sampling: { temperature: 1, topP: 1 } },
      draws: [openRandom(seed, 'structured')],
      signal: new AbortController().signal,
    })
    const tokens: number[] = []
    for await (const { token } of stream!) tokens.push(token)
    return text(tokens.filter((token) => !ends.includes(token)))
  }
  const alone = await write(99)
  const bounds = JSON.stringify({ schema: ORDER })
  const either = JSON.stringify({ schema: ORDER, orText: true })
  const [beside, ...bound] = await Promise.all([
    write(99),
    ...[1, 2, 3, 4].map(async (seed) => write(seed, bounds)),
    ...[5, 6].map(async (seed) => write(seed, either)),
  ])
  expect(beside).toBe(alone)
  for (const json of bound.slice(0, 4)) {
    const { item, count } = JSON.parse(json) as { item: string; count: number }
    expect(Array.from(item).length).toBeLessThanOrEqual(6)
    expect(Number.isSafeInteger(count)).toBe(true)
  }
  for (const answer of bound.slice(4)) if (answer.startsWith('{')) JSON.parse(answer)
  expect(await write(1, bounds)).toBe(bound[0])
  await scheduler.close()
  metrics.close()
})

test('the likeliest tokens come in order for the rows that ask for them', async () => {
  const rows = prompts.slice(0, 2).map((prompt, at) => ({
    ...{ sequence: (sequences += 1), adapter: 'one', from: 0, ids: Int32Array.from(prompt) },
    sampling: { ...greedy, likeliest: at === 0 ? 0 : 4 },
  }))
  const texts: DrawnToken[] = []
  for (const row of rows) texts.push((await engine.step([row])).drawn[0]!)
  expect(texts[0]).not.toHaveProperty('likeliest')
  const again = rows.map((row, at) => ({
    ...{ ...row, from: row.ids.length, ids: Int32Array.of(texts[at]!.token) },
    sampling: { ...greedy, likeliest: 4 + at },
  }))
  const { drawn } = await engine.step(again)
  engine.forget(rows.map(({ sequence }) => sequence))
  for (const [at, { token, logProbability, likeliest = [] }] of [texts[1]!, ...drawn].entries()) {
    expect(likeliest).toHaveLength([4, 4, 5][at]!)
    expect(likeliest[0]!.token).toBe(token)
    expect(likeliest[0]!.logProbability).toBeCloseTo(logProbability, 5)
    const logs = likeliest.map((each) => each.logProbability)
    expect(logs).toEqual([...logs].sort((a, b) => b - a))
  }
})

test('the tokens of a text that is known come with the likelihood that they would be drawn with', async () => {
  const read = async (sequence: number, sampling: object, ids: readonly number[]) => {
    const row = { sequence, adapter: 'two', from: 0, ids: Int32Array.from(ids) }
    const { drawn } = await engine.step([{ ...row, sampling: { ...greedy, ...sampling } }])
    engine.forget([sequence])
    return drawn[0]!
  }
  const [, second] = (await read(9001, { likeliest: 2 }, [7, 8])).likeliest!
  const { token, logProbability } = await read(9002, { given: second!.token }, [7, 8])
  expect([token, logProbability]).toEqual([
    second!.token,
    expect.closeTo(second!.logProbability, 5),
  ])
})

test('the tokens of a prompt come with the likelihood that they would be drawn with, in parts or whole', async () => {
  const prompt = Int32Array.of(7, 8, 9, 30, 2)
  const scored = async (sizes: readonly number[]) => {
    const sequence = (sequences += 1)
    const all = []
    let from = 0
    for (const size of sizes) {
      const ids = prompt.subarray(from, from + size)
      const next = { ids: prompt.subarray(from + 1, from + 1 + size), likeliest: 2 }
      const row = { sequence, adapter: 'two', from, ids, next, sampling: greedy }
      all.push(...(await engine.step([row])).scored)
      from += size
    }
    engine.forget([sequence])
    return all
  }
  const drawn = async (at: number) => {
    const sequence = (sequences += 1)
    const row = { sequence, adapter: 'two', from: 0, ids: prompt.slice(0, at) }
    const sampling = { ...greedy, given: prompt[at]!, likeliest: 2 }
    const step = await engine.step([{ ...row, sampling }])
    engine.forget([sequence])
    return step.drawn[0]!
  }
  const whole = await scored([5])
  const parts = await scored([2, 2, 1])
  expect(whole).toHaveLength(4)
  for (const [at, token] of whole.entries())
    for (const other of [parts[at]!, await drawn(at + 1)]) {
      expect(other.token).toBe(token.token)
      expect(other.logProbability).toBeCloseTo(token.logProbability, 4)
      expect(other.likeliest!.map((each) => each.token)).toEqual(
        token.likeliest!.map((each) => each.token),
      )
    }
})

test('a text that the thread no longer has fails, rather than going on from nothing', async () => {
  const row = { sequence: (sequences += 1), adapter: 'one', from: 3, ids: Int32Array.of(1) }
  await expect(engine.step([row])).rejects.toMatchObject({ code: 'ENGINE_FAILED' })
  engine.forget([row.sequence])
})

test('kept keys survive growing, and sequences that leave before others', () => {
  const shape = { layers: 1, keyHeads: 2, headSize: 3 }
  const cache = new KeyValues(shape)
  const write = (sequence: number, count: number) => {
    cache.reserve(sequence, count)
    const data = Float32Array.from(
      { length: count * 6 },
      (_, at) => sequence * 1000 + cache.length(sequence) + Math.floor(at / 6),
    )
    const made = { shape: [1, count, 6], data }
    cache.write(cache.place(sequence), 1, { 'new/cache/0/key': made, 'new/cache/0/value': made })
  }
  const read = (sequence: number) => {
    const { data, dims } = cache.view(cache.place(sequence), 1)['cache/0/key']!
    return [0, 1].map((head) =>
      Array.from(
        { length: cache.length(sequence) },
        (_, at) => (data as Float32Array)[(head * dims[2]! + at) * 3]!,
      ),
    )
  }
  const random = openRandom(3, 'cache')
  const here = new Set<number>()
  for (let step = 0; step < 200; step += 1) {
    const sequence = 1 + random.below(6)
    if (here.has(sequence) && random.below(4) === 0) {
      cache.remove(sequence)
      here.delete(sequence)
    } else {
      write(sequence, 1 + random.below(20))
      here.add(sequence)
    }
    for (const each of here) {
      const expected = Array.from({ length: cache.length(each) }, (_, at) => each * 1000 + at)
      expect(read(each)).toEqual([expected, expected])
    }
  }
  for (const each of here) cache.remove(each)
  expect(cache.bytes).toBe(0)
})

test('the sequences of a run are moved side by side, with what is kept of them', () => {
  const cache = new KeyValues({ layers: 1, keyHeads: 1, headSize: 2 })
  for (const sequence of [1, 2, 3, 4, 5]) {
    cache.reserve(sequence, 1)
    const made = { shape: [1, 1, 2], data: Float32Array.of(sequence, -sequence) }
    cache.write(cache.place(sequence), 1, { 'new/cache/0/key': made, 'new/cache/0/value': made })
  }
  const kept = (sequence: number) => [
    ...cache.view(cache.place(sequence), 1)['cache/0/key']!.data.slice(0, 2),
  ]
  for (const run of [[2, 3], [4], [5, 1], [1, 4, 2], [3, 5, 4, 2]]) {
    const from = cache.gather(run)
    const places = run.map((sequence) => cache.place(sequence) - from).sort()
    expect(places).toEqual(run.map((_, at) => at))
    for (const each of [1, 2, 3, 4, 5]) expect(kept(each)).toEqual([each, -each])
  }
})

test('memory is that of the sequences that are there', () => {
  const cache = new KeyValues({ layers: 1, keyHeads: 1, headSize: 2 })
  for (const sequence of [1, 2, 3, 4, 5, 6, 7, 8]) cache.reserve(sequence, 1)
  for (const sequence of [1, 2, 3, 4, 5, 6, 7]) cache.remove(sequence)
  cache.reserve(8, 640)
  expect(cache.bytes).toBe(2 * 640 * 2 * 4)
})

// ── Sampling ──

const logits = Float32Array.from([1, 3, 2, 0, 3].map((value) => value + 0.5))

test('temperature 0 takes the first of the likeliest', () => {
  const { token, logProbability } = sampleToken(logits, { temperature: 0, topP: 0.1 }, 0.99)
  expect(token).toBe(1)
  const sum = [1, 3, 2, 0, 3].reduce((total, value) => total + Math.exp(value), 0)
  expect(logProbability).toBeCloseTo(3 - Math.log(sum), 6)
})

test.each([
  { temperature: 1, topP: 1 },
  { temperature: 0.7, topP: 1 },
  { temperature: 1, topP: 0.85 },
  { temperature: 1.5, topP: 0.5 },
  { temperature: 1, topP: 1e-9 },
])('each token comes as often as $temperature and $topP say', ({ temperature, topP }) => {
  const shares = [...logits].map((value) => Math.exp(value / temperature))
  const total = shares.reduce((sum, share) => sum + share, 0)
  const order = [1, 4, 2, 0, 3]
  const nucleus: number[] = []
  for (const token of order) {
    const sum = nucleus.reduce((some, each) => some + shares[each]!, 0)
    if (nucleus.length === 0 || sum < topP * total) nucleus.push(token)
  }
  const kept = nucleus.reduce((sum, token) => sum + shares[token]!, 0)
  const counts = [0, 0, 0, 0, 0]
  const draws = 4000
  for (let draw = 0; draw < draws; draw += 1)
    counts[sampleToken(logits, { temperature, topP }, (draw + 0.5) / draws).token]! += 1
  for (const [token, count] of counts.entries()) {
    const expected = nucleus.includes(token) ? shares[token]! / kept : 0
    expect(count / draws).toBeCloseTo(expected, 2)
  }
})

test.each([
  { temperature: 0, topP: 1 },
  { temperature: 0.8, topP: 1 },
  { temperature: 1.2, topP: 0.6 },
])('a mask at $temperature and $topP leaves what it allows, and likelihoods as they are', (how) => {
  const random = openRandom(1, 'mask')
  for (let round = 0; round < 50; round += 1) {
    const all = Float32Array.from({ length: 53 }, () => 8 * random.uniform() - 4)
    const mask = new Uint8Array(7)
    for (let count = random.below(6); count >= 0; count -= 1) {
      const token = random.below(53)
      mask[token >> 3]! |= 1 << (token & 7)
    }
    const open = all.map((logit, at) => ((mask[at >> 3]! >> (at & 7)) & 1 ? logit : -Infinity))
    const draw = random.uniform()
    const { token, logProbability } = sampleToken(all, how, draw, { mask })
    expect(token).toBe(sampleToken(open, how, draw).token)
    expect(logProbability).toBe(sampleToken(all, how, draw, { given: token }).logProbability)
  }
})
