import { setImmediate as yieldToEventLoop } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Base } from '../../src/contracts/base.ts'
import type { EncodedRow, Latent } from '../../src/contracts/network.ts'
import type { FeedbackEvent, Input } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { failure } from '../../src/platform/errors.ts'
import {
  type BufferedRecord,
  Prefetcher,
  type PrefetcherParts,
} from '../../src/trainer/sources/prefetcher.ts'
import { event, lessons } from './events.ts'
import { finalState } from './final-state.ts'
import { tinyBase, tinyLatent, tinyTrunk } from './tiny.ts'
import { openWorld, runToEnd } from './world.ts'

const received = (id: string): BufferedRecord => ({
  connector: 's',
  record: { position: id } as SourceRecord,
})
const latent: Latent = { positions: 1, width: 1, data: Float32Array.of(1) }

function open(over: Partial<PrefetcherParts> = {}) {
  const computed: EncodedRow[] = []
  const prefetcher = new Prefetcher({
    parse: ({ record }): FeedbackEvent => ({
      id: record.position,
      source: 's',
      input: { kind: 'text', text: 'x' },
      signal: { kind: 'label', label: 'a' },
      weight: 1,
    }),
    encode: ({ id }) => ({ data: Int32Array.of(Number(id)) }),
    isKnown: () => false,
    needsPrediction: () => false,
    compute: async (encoded) => {
      computed.push(encoded)
      return latent
    },
    ...over,
  })
  return { prefetcher, computed }
}

test('a record that was looked at is computed once, and known once', async () => {
  const { prefetcher, computed } = open()
  const one = received('1')
  prefetcher.look([one])
  prefetcher.look([one])
  expect(computed).toHaveLength(1)
  const prefetched = prefetcher.take(one)
  expect(prefetched?.event.id).toBe('1')
  expect(await prefetched?.latent).toBe(latent)
  expect(prefetcher.take(one)).toBeUndefined()
})

test('it wants to see more while it knows little', () => {
  const { prefetcher } = open()
  expect(prefetcher.wanted).toBeGreaterThan(0)
  const many = Array.from({ length: prefetcher.wanted }, (_, at) => received(String(at)))
  prefetcher.look(many)
  expect(prefetcher.wanted).toBe(0)
  for (const one of many) prefetcher.take(one)
  expect(prefetcher.wanted).toBeGreaterThan(0)
})

test('it looks no further than a number of positions, whose latents lie in memory', () => {
  const long: EncodedRow = { data: new Int32Array(4096) }
  const { prefetcher, computed } = open({
    encode: () => long,
    compute: async (encoded) => {
      computed.push(encoded)
      return Promise.resolve(latent)
    },
  })
  const many = Array.from({ length: 10 }, (_, at) => received(String(at)))
  prefetcher.look(many)
  expect(computed).toHaveLength(2)
  expect(prefetcher.wanted).toBe(0)
  for (const one of many) prefetcher.take(one)
  expect(prefetcher.wanted).toBeGreaterThan(0)
})

test('what is known already, cannot be read or waits for a prediction is not computed', () => {
  const about: FeedbackEvent = {
    ...{ id: '1', source: 's', predictionId: 'p', weight: 1 },
    signal: { kind: 'label', label: 'a' },
  }
  const parsers: readonly Partial<PrefetcherParts>[] = [
    { isKnown: () => true },
    {
      parse: () => {
        throw failure('EVENT_MALFORMED', 'no event')
      },
    },
    { parse: () => about, needsPrediction: () => true },
    { encode: () => undefined },
  ]
  for (const over of parsers) {
    const { prefetcher, computed } = open(over)
    const one = received('1')
    prefetcher.look([one])
    expect(computed).toEqual([])
    expect(prefetcher.take(one)).toBeUndefined()
  }
})

test('a failure ahead is nobody’s fault: the record is looked at again when its turn comes', async () => {
  const { prefetcher } = open({
    compute: async () => Promise.reject(failure('ENGINE_FAILED', 'the thread died')),
  })
  const one = received('1')
  prefetcher.look([one])
  expect(await prefetcher.take(one)?.latent).toBeUndefined()
})

test('looking ahead changes nothing of what is learned, also with an engine that fails at times', async () => {
  const stream = [...lessons(60), event({ id: 'x', text: 'word', label: 'maybe' }), ...lessons(20)]
  const [plain, shaky] = [openWorld({ s: stream }), openWorld({ s: stream })]
  await runToEnd(plain, { trunk: { ...tinyTrunk, encodeNow: tinyLatent } })
  let calls = 0
  await runToEnd(shaky, {
    trunk: {
      ...tinyTrunk,
      encode: async (rows) => {
        calls += 1
        if (calls % 3 === 0) throw failure('ENGINE_FAILED', 'a thread died')
        return tinyTrunk.encode(rows)
      },
    },
  })
  expect(finalState(shaky)).toEqual(finalState(plain))
})

test('inputs that need time are prepared ahead of their turn, also where their latents need none', async () => {
  const stream = [...lessons(200), event({ id: 'x', text: 'bad', label: 'yes' }), ...lessons(20)]
  const [plain, ahead] = [openWorld({ s: stream }), openWorld({ s: stream })]
  const trunk = { ...tinyTrunk, encodeNow: tinyLatent }
  const check = (input: Input) => {
    if (input.kind === 'text' && input.text === 'bad') throw failure('IMAGE_INVALID', 'torn')
  }
  const encode: typeof tinyBase.encode = (input, maxTokens) => {
    check(input)
    return tinyBase.encode(input, maxTokens)
  }
  await runToEnd(plain, { trunk, base: { ...tinyBase, encode } })
  const prepared = new WeakSet<Input>()
  let [running, most] = [0, 0]
  const base: typeof tinyBase & Pick<Base, 'prepare'> = {
    ...tinyBase,
    async prepare(input) {
      running += 1
      most = Math.max(most, running)
      await yieldToEventLoop()
      running -= 1
      check(input)
      prepared.add(input)
    },
    encode(input, maxTokens) {
      expect(prepared.has(input)).toBe(true)
      return tinyBase.encode(input, maxTokens)
    },
  }
  await runToEnd(ahead, { trunk, base })
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(129)
  expect(finalState(ahead)).toEqual(finalState(plain))
})
