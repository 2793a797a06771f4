/** Keys and values of earlier texts: the tree that keeps them, and texts that begin with them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { quantized } from '../../src/adapters/quantized.ts'
import type { Base } from '../../src/contracts/base.ts'
import { KeyValues } from '../../src/nn/onnx/decoding/key-values.ts'
import { PrefixCache } from '../../src/nn/onnx/decoding/prefix-cache.ts'
import type { DrawnToken } from '../../src/nn/onnx/decoding/sample.ts'
import { openMetrics } from '../../src/platform/metrics.ts'
import { openRandom } from '../../src/platform/random.ts'
import { DecodeScheduler } from '../../src/serving/engine/decode-scheduler.ts'
import { DecodingEngine } from '../../src/serving/engine/decoding-engine.ts'
import type { TextRequest } from '../../src/serving/engine/text-queue.ts'
import { openFakeClock } from '../serving/fake-clock.ts'
import { openTiny, parts, versionOfTiny } from './tiny-language.ts'

// ── The tree ──

const SHAPE = { layers: 2, keyHeads: 2, headSize: 3 }

/** What a position has depends on its adapter and on all tokens up to it, as keys and values do. */
function contentOf(adapter: string, ids: readonly number[]): readonly number[] {
  let mixed = adapter.charCodeAt(0)
  return ids.map((token) => (mixed = (mixed * 31 + token) % 65_521))
}

/** Reads a text as a run does: what is kept of it, then the rest. */
function openTree() {
  const [cache, lane] = [new PrefixCache(), new KeyValues(SHAPE)]
  let sequences = 0
  const width = SHAPE.keyHeads * SHAPE.headSize
  return {
    cache,
    positionBytes: lane.positionBytes,
    read(adapter: string, ids: readonly number[], mostBytes: number) {
      const sequence = (sequences += 1)
      const all = Int32Array.from(ids)
      const reused = cache.reuse(adapter, all, lane, sequence)
      const count = ids.length - reused
      lane.reserve(sequence, count)
      const data = Float32Array.from(contentOf(adapter, ids).slice(reused)).reduce<number[]>(
        (numbers, content) => [...numbers, ...Array.from({ length: width }, () => content)],
        [],
      )
      const made = { shape: [1, count, width], data: Float32Array.from(data) }
      const names = [0, 1].flatMap((layer) => [`${layer}/key`, `${layer}/value`])
      if (count > 0)
        lane.write(
          lane.place(sequence),
          1,
          Object.fromEntries(names.map((name) => [`new/cache/${name}`, made])),
        )
      const block = lane.read(sequence, 0, ids.length)
      cache.keep(adapter, all, { lane, sequence, mostBytes })
      lane.remove(sequence)
      const held = block.map((head) => [...head].filter((_, at) => at % SHAPE.headSize === 1))
      return { reused, held }
    },
  }
}

test('a text begins with the longest prefix that was kept with its adapter', () => {
  const { read, cache, positionBytes } = openTree()
  const reused = (adapter: string, ids: readonly number[]) => read(adapter, ids, 1e9).reused
  expect(reused('a', [1, 2, 3, 4])).toBe(0)
  expect(reused('b', [1, 2, 3, 4])).toBe(0)
  expect(reused('a', [1, 2, 3, 4, 5, 6])).toBe(4)
  expect(reused('a', [1, 2, 9])).toBe(2)
  expect(reused('a', [1, 2])).toBe(2)
  expect(reused('a', [1, 2, 3, 4, 5, 7])).toBe(5)
  expect(reused('a', [2, 1])).toBe(0)
  expect(cache.bytes).toBe((4 + 4 + 2 + 1 + 1 + 2) * positionBytes)
  cache.drop('a')
  expect(cache.bytes).toBe(4 * positionBytes)
  expect(reused('a', [1, 2, 3, 4])).toBe(0)
})

test('what was used last stays, and a text that finds no place evicts nothing of its own', () => {
  const { read, cache, positionBytes } = openTree()
  const most = 6 * positionBytes
  read('a', [1, 1, 1], most)
  read('a', [2, 2, 2], most)
  expect(read('a', [1, 1, 1], most).reused).toBe(3)
  read('b', [3, 3, 3], most)
  expect(read('a', [2, 2, 2], 0).reused).toBe(0)
  expect(cache.bytes).toBe(most)
  expect(read('a', [1, 1, 1, 1, 1, 1, 1, 1], most).reused).toBe(3)
  expect(read('b', [3, 3, 3], most).reused).toBe(3)
  expect(cache.bytes).toBe(most)
})

test('whatever is kept, split and evicted, a text has the positions of its own tokens, within the bound', () => {
  const random = openRandom(4, 'prefixes')
  const { read, cache, positionBytes } = openTree()
  const kept: Record<string, (readonly number[])[]> = { a: [], b: [] }
  let hits = 0
  for (let step = 0; step < 3000; step += 1) {
    const isAmple = step < 1000
    const adapter = random.below(3) === 0 ? 'b' : 'a'
    const ids = Array.from({ length: 1 + random.below(12) }, () => random.below(3))
    const most = isAmple ? 1e9 : random.below(80) * positionBytes
    const { reused, held } = read(adapter, ids, most)
    for (const head of held) expect(head).toEqual(contentOf(adapter, ids))
    const longest = Math.max(0, ...(kept[adapter] ?? []).map((other) => sharedBy(other, ids)))
    if (isAmple) expect(reused).toBe(longest)
    else expect(reused).toBeLessThanOrEqual(longest)
    kept[adapter]?.push(ids)
    hits += reused
    cache.evict(most)
    expect(cache.bytes).toBeLessThanOrEqual(most)
    if (random.below(200) === 0) {
      cache.drop(adapter)
      kept[adapter] = []
    }
  }
  expect(hits).toBeGreaterThan(3000)
  cache.evict(0)
  expect(cache.bytes).toBe(0)
})

function sharedBy(one: readonly number[], other: readonly number[]): number {
  const differs = one.findIndex((token, at) => token !== other[at])
  return differs < 0 ? one.length : differs
}

// ── Texts that begin with what is kept ──

let base: Base
beforeAll(async () => {
  base = await openTiny()
})

interface WrittenText {
  readonly tokens: readonly number[]
  readonly logs: readonly number[]
  readonly cached: number
}

interface OpenedTexts {
  readonly engine: DecodingEngine
  readonly scheduler: DecodeScheduler
  readonly keptBytes: () => number
  /** The most bytes of texts and prefixes after a step. */
  readonly mostBytes: () => number
  write(prompt: readonly number[], more?: Partial<TextRequest>): Promise<readonly WrittenText[]>
}

const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing) await close()
})

async function openTexts(
  limit: number,
  { keeps = true, of = base }: { readonly keeps?: boolean; readonly of?: Base } = {},
): Promise<OpenedTexts> {
  let [kept, most] = [0, 0]
  const onChange = (bytes: number) => (kept = bytes)
  const engine = new DecodingEngine({
    ...{ ...parts, base: of },
    ...(keeps && { prefixes: { mostBytes: limit, onChange } }),
  })
  await engine.load('one', versionOfTiny(of, 1))
  await engine.load('two', versionOfTiny(of, 2))
  const metrics = openMetrics()
  const scheduler = new DecodeScheduler({
    ...{ base: 'tiny', metrics, clock: openFakeClock() },
    engine: {
      laneOf: (key) => engine.laneOf(key),
      positionBytes: (key) => engine.positionBytes(key),
      readTokens: async () => engine.readTokens(),
      reuse: async (...text) => engine.reuse(...text),
      async step(rows) {
        const step = await engine.step(rows)
        most = Math.max(most, step.cacheBytes + kept)
        return step
      },
      forget: (ended) => engine.forget(ended),
    },
    limits: {
      ...{ generation_texts: 8, generation_queue: 100, generation_queue_tokens: 1e6 },
      generation_cache_bytes: limit,
    },
  })
  closing.push(async () => {
    await scheduler.close()
    await engine.close()
    metrics.close()
  })
  return {
    ...{ engine, scheduler, keptBytes: () => kept, mostBytes: () => most },
    async write(prompt, more = {}) {
      let cached = 0
      const streams = scheduler.run({
        ...{ model: 'm', adapter: 'one', ends: [], maxTokens: 6 },
        ...{ prompt: Int32Array.from(prompt), sampling: { temperature: 0.7, topP: 1 } },
        draws: [openRandom(1, 'prefix')],
        onPrompt: (count) => (cached = count),
        signal: new AbortController().signal,
        ...more,
      })
      const texts = await Promise.all(streams.map(async (stream) => readAll(stream)))
      return texts.map((text) => ({ ...text, cached }))
    },
  }
}

async function readAll(stream: AsyncIterable<DrawnToken>) {
  const drawn: DrawnToken[] = []
  for await (const token of stream) drawn.push(token)
  return {
    tokens: drawn.map(({ token }) => token),
    logs: drawn.map(({ logProbability }) => logProbability),
  }
}

/** The same tokens, and likelihoods up to rounding (law 10). */
function expectSame(text: WrittenText | undefined, alone: WrittenText | undefined): void {
  expect(text?.tokens).toEqual(alone?.tokens)
  expect(alone?.logs.length).toBeGreaterThan(0)
  for (const [at, log] of alone!.logs.entries()) expect(text?.logs[at]).toBeCloseTo(log, 4)
}

const AMPLE = 1e8
const random = openRandom(2, 'prompts')
const idsOf = (length: number) => Array.from({ length }, () => 3 + random.below(200))

test.each(['float32', 'int8'])(
  'a prompt that begins with an earlier one is continued as it is alone: %s',
  async (width) => {
    const of = width === 'int8' ? quantized(base) : base
    const [keeping, plain] = [
      await openTexts(AMPLE, { of }),
      await openTexts(AMPLE, { of, keeps: false }),
    ]
    const system = idsOf(150)
    for (const length of [1, 2, 20, 43, 64, 65, 87, 88]) {
      const prompt = [...system, ...idsOf(length)]
      const [first] = await keeping.write(prompt)
      const [again] = await keeping.write(prompt)
      const [alone] = await plain.write(prompt)
      expect(alone?.cached).toBe(0)
      expect(again?.cached).toBe(prompt.length - 2)
      for (const text of [first, again]) expectSame(text, alone)
    }
    const [shorter] = await keeping.write(system.slice(0, 90))
    const [alone] = await plain.write(system.slice(0, 90))
    expect(shorter?.cached).toBe(88)
    expectSame(shorter, alone)
  },
)

test('a conversation goes on behind its last answer, with the same likelihoods up to rounding', async () => {
  const [keeping, plain] = [await openTexts(AMPLE), await openTexts(AMPLE, { keeps: false })]
  let conversation = idsOf(40)
  for (let turn = 0; turn < 3; turn += 1) {
    const how = { sampling: { temperature: 0, topP: 1 }, maxTokens: 20 }
    const [text] = await keeping.write(conversation, how)
    const [alone] = await plain.write(conversation, how)
    // The last token that was drawn is not read before the next turn.
    expect(text?.cached).toBe(turn === 0 ? 0 : conversation.length - 7 - 1)
    expectSame(text, alone)
    conversation = [...conversation, ...text!.tokens, ...idsOf(7)]
  }
})

test('the texts of one request read their prompt once, and those with another version read their own', async () => {
  const { write } = await openTexts(AMPLE)
  const plain = await openTexts(AMPLE, { keeps: false })
  const draws = () => [1, 2, 3, 4].map((seed) => openRandom(seed, 'n'))
  const prompt = idsOf(100)
  const [four, other] = await Promise.all([
    write(prompt, { draws: draws() }),
    write(prompt, { adapter: 'two' }),
  ])
  expect([four.map(({ cached }) => cached), other[0]?.cached]).toEqual([[0, 0, 0, 0], 0])
  const alone = await plain.write(prompt, { draws: draws() })
  for (const [at, text] of four.entries()) expectSame(text, alone[at])
  expectSame(other[0], (await plain.write(prompt, { adapter: 'two' }))[0])
  const [again] = await write(prompt, { adapter: 'two' })
  expect(again?.cached).toBe(98)
  expectSame(again, other[0])
})

test('a prompt that is scored is read whole, though it is kept', async () => {
  const { write } = await openTexts(AMPLE)
  const prompt = idsOf(70)
  const scored = async () => write(prompt, { scored: true, maxTokens: 0 })
  await write(prompt)
  const [whole] = await scored()
  expect([whole?.logs.length, whole?.cached]).toEqual([69, 0])
  const plain = await openTexts(AMPLE, { keeps: false })
  expect([whole]).toEqual(await plain.write(prompt, { scored: true, maxTokens: 0 }))
})

test('texts that a schema bounds are the same behind a kept prompt', async () => {
  const { write, scheduler } = await openTexts(AMPLE)
  await scheduler.readTokens()
  const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] }
  const how = { bounds: JSON.stringify({ schema }), ends: base.language!.ends, maxTokens: 60 }
  const prompt = idsOf(80)
  const [first] = await write(prompt, how)
  const [second] = await write(prompt, how)
  expect(second?.cached).toBe(78)
  expectSame(second, first)
  expect(JSON.parse(base.language!.text(second!.tokens.slice(0, -1)))).toHaveProperty('n')
})

test('a version that rests has nothing kept, nor has one that is unloaded', async () => {
  const { write, engine, keptBytes } = await openTexts(AMPLE)
  const prompt = idsOf(50)
  await write(prompt)
  await write(prompt, { adapter: 'two' })
  const both = keptBytes()
  engine.rest('one')
  expect((await write(prompt, { adapter: 'two' }))[0]?.cached).toBe(48)
  expect(keptBytes()).toBeLessThan(both)
  expect((await write(prompt))[0]?.cached).toBe(0)
  expect((await write(prompt))[0]?.cached).toBe(48)
  engine.unload('one')
  await engine.load('one', versionOfTiny(base, 3))
  expect((await write(prompt))[0]?.cached).toBe(0)
})

test('texts and prefixes have no more bytes than the limit, and the texts come first', async () => {
  const probe = await openTexts(AMPLE)
  const limit = 8 * 64 * probe.engine.positionBytes('one')
  const { write, mostBytes, keptBytes } = await openTexts(limit)
  const plain = await openTexts(limit, { keeps: false })
  const some = openRandom(8, 'bound')
  const systems = [idsOf(40), idsOf(60), idsOf(100)]
  const asked = Array.from({ length: 60 }, (_, at) => ({
    prompt: [...systems[some.below(3)]!, ...idsOf(1 + some.below(30))],
    more: { maxTokens: 1 + some.below(40), adapter: at % 4 === 3 ? 'two' : 'one' },
  }))
  const run = async ({ write: by }: OpenedTexts) =>
    Promise.all(asked.map(async ({ prompt, more }) => (await by(prompt, more))[0]!))
  const texts = await run({ write } as OpenedTexts)
  const alone = await run(plain)
  expect(texts.some(({ cached }) => cached > 0)).toBe(true)
  expect(keptBytes()).toBeGreaterThan(0)
  expect(mostBytes()).toBeLessThanOrEqual(limit)
  expect(mostBytes()).toBeGreaterThan(plain.mostBytes() / 2)
  for (const [at, { tokens }] of texts.entries()) expect(tokens).toEqual(alone[at]!.tokens)
})

test('a text that takes more than the limit alone leaves no room for prefixes, and is written', async () => {
  const { write, keptBytes } = await openTexts(1)
  const prompt = idsOf(70)
  await write(prompt)
  expect((await write(prompt))[0]).toMatchObject({ cached: 0, tokens: { length: 6 } })
  expect(keptBytes()).toBe(0)
})

test('an aborted text harms none that begins with the same tokens', async () => {
  const { write, scheduler } = await openTexts(AMPLE)
  const prompt = idsOf(200)
  const stop = new AbortController()
  const [stream] = scheduler.run({
    ...{ model: 'm', adapter: 'one', ends: [], maxTokens: 50, signal: stop.signal },
    ...{ prompt: Int32Array.from(prompt), sampling: { temperature: 0, topP: 1 } },
    draws: [openRandom(1, 'gone')],
  })
  const gone = readAll(stream!).catch((error: unknown) => error)
  const beside = write(prompt)
  await Promise.resolve()
  stop.abort(new Error('gone'))
  expect(await gone).toBeInstanceOf(Error)
  const plain = await openTexts(AMPLE, { keeps: false })
  const [alone] = await plain.write(prompt)
  expectSame((await beside)[0], alone)
})
