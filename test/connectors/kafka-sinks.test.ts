/** Both sinks against a real broker: what stands in the topic afterwards, and what a failed write means. */
import { describe, expect, it } from 'vitest'
import {
  kafkaDeadLetterSink,
  type KafkaSinkOptions,
  kafkaPredictionSink,
} from '../../connectors/kafka/sink.ts'
import type { DeadLetter } from '../../src/contracts/connector.ts'
import type { ServedPrediction } from '../../src/contracts/event.ts'
import type { SourceRecord } from '../../src/contracts/source.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { rejection } from '../coded.ts'
import { letter, sinkConformance } from '../conformance/sink.ts'
import {
  administer,
  kafkaClient,
  kafkaIsInstalled,
  kafkaIsMissing,
  makeTopic,
  needsKafka,
  randomTopic,
  sharedKafka,
} from '../services/kafka.ts'
import { never, silent, sourceOf, textOf } from './kafka-source.ts'

const options = (brokers: readonly string[], topic: string): KafkaSinkOptions => ({
  brokers,
  topic,
  clock: systemClock,
  log: silent,
})

/** Everything that the topic holds. */
async function allOf(brokers: readonly string[], topic: string): Promise<readonly SourceRecord[]> {
  const source = sourceOf(brokers, topic)
  await source.open({}, never)
  const records: SourceRecord[] = []
  while ((await source.lag()) > 0)
    records.push(...(await source.read({ records: 1000, waitMs: 500 }, never)))
  await source.close()
  return records
}

const keyOf = ({ key }: SourceRecord) => Buffer.from(key ?? []).toString()

if (kafkaIsInstalled()) {
  sinkConformance('kafka', async () => {
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    return {
      open: async () => Promise.resolve(kafkaDeadLetterSink(options(brokers, topic))),
      // As a compacted topic shows them.
      read: async () => {
        const byKey = new Map((await allOf(brokers, topic)).map((each) => [keyOf(each), each]))
        return [...byKey].map(([key, { value }]) => ({ key, value }))
      },
    }
  })
} else {
  it('the sink kafka', (context) => context.skip(kafkaIsMissing))
}

describe('a dead letter in Kafka', () => {
  it('has the bytes and headers that arrived, and beside them why and from where', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    const headers = {
      traceparent: '00-ab',
      bytes: new Uint8Array([0, 255, 128]),
      ...(JSON.parse('{"__proto__":"kept","constructor":"too"}') as Record<string, string>),
    }
    const sent: DeadLetter = {
      key: 'kafka:feedback/feedback/3/17',
      code: 'EVENT_MALFORMED',
      reason: 'not JSON: “ä”',
      connector: 'kafka:feedback',
      partition: 'feedback/3',
      position: '17',
      value: Uint8Array.from({ length: 256 }, (_, byte) => byte),
      headers,
      timeMs: 1_700_000_000_123,
    }
    const sink = kafkaDeadLetterSink(options(brokers, topic))
    await sink.write([sent])
    await sink.close()
    const [found, ...more] = await allOf(brokers, topic)
    expect(more).toEqual([])
    expect(keyOf(found!)).toBe(sent.key)
    expect(Buffer.from(found!.value)).toEqual(Buffer.from(sent.value))
    expect(found!.timeMs).toBe(sent.timeMs)
    const entries = Object.entries(found!.headers!).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : [...value],
    ])
    expect(new Map(entries as [string, unknown][])).toEqual(
      new Map<string, unknown>([
        ['traceparent', '00-ab'],
        ['bytes', [0, 255, 128]],
        ['__proto__', 'kept'],
        ['constructor', 'too'],
        ['antikythera-code', 'EVENT_MALFORMED'],
        ['antikythera-reason', 'not JSON: “ä”'],
        ['antikythera-source', 'kafka:feedback'],
        ['antikythera-partition', 'feedback/3'],
        ['antikythera-position', '17'],
      ]),
    )
    expect(Object.getPrototypeOf(found!.headers)).toBe(Object.prototype)
  })

  it('written twice is the same letter, in the same partition', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 4)
    for (let time = 0; time < 2; time += 1) {
      const sink = kafkaDeadLetterSink(options(brokers, topic))
      await sink.write(['a', 'b', 'c', 'd', 'e'].map((key) => letter(key)))
      await sink.close()
    }
    const found = await allOf(brokers, topic)
    expect(found).toHaveLength(10)
    const places = new Set(found.map((each) => `${keyOf(each)} in ${each.partition}`))
    expect(places.size).toBe(5)
  })

  it('is cut where it is larger than a message may be, and says so; many are sent in several requests', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers)
    const sink = kafkaDeadLetterSink(options(brokers, topic))
    const large = new Uint8Array(3_000_000).fill(7)
    const many = Array.from({ length: 1200 }, (_, index) => letter(`n-${index}`))
    await sink.write([letter('large', large), ...many, letter('last', large.subarray(0, 800_000))])
    await sink.close()
    const found = await allOf(brokers, topic)
    expect(found.map(keyOf)).toEqual(['large', ...many.map(({ key }) => key), 'last'])
    expect(found[0]!.headers).toMatchObject({ 'antikythera-cut-from': '3000000' })
    // The source of this test cuts at 64 KiB; what is in the topic is measured by its size.
    const size = await sizeOf(brokers, topic)
    expect(size).toBeGreaterThan(1_700_000)
    expect(size).toBeLessThan(2_000_000)
  })

  it('does not make its topic: a write waits for it, as a failure that may be tried again', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = randomTopic()
    const sink = kafkaDeadLetterSink(options(brokers, topic))
    const error = await rejection(sink.write([letter('a')]))
    expect(error).toMatchObject({ code: 'SINK_FAILED', retriable: true })
    const topics = await administer(brokers, (admin) => admin.listTopics())
    expect(topics).not.toContain(topic)
    await sink.close()
  })

  it('that the broker never takes is refused for good, and the next one is written', async (context) => {
    needsKafka(context)
    const brokers = await sharedKafka()
    const topic = await makeTopic(brokers, 1, { 'max.message.bytes': '10000' })
    const sink = kafkaDeadLetterSink(options(brokers, topic))
    const error = await rejection(sink.write([letter('large', new Uint8Array(20_000))]))
    expect(error).toMatchObject({ code: 'SINK_FAILED', retriable: false })
    await sink.write([letter('small')])
    await sink.close()
    expect((await allOf(brokers, topic)).map(keyOf)).toEqual(['small'])
  })
})

async function sizeOf(brokers: readonly string[], topic: string): Promise<number> {
  let bytes = 0
  const consumer = kafkaClient(brokers).consumer({ groupId: `size-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        bytes += message.value?.length ?? 0
        if (message.key?.toString() === 'last') resolve()
        return Promise.resolve()
      },
    })
  })
  await consumer.disconnect()
  return bytes
}

it('a served prediction is a CloudEvent in the binary mode, with the input for whoever labels it', async (context) => {
  needsKafka(context)
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers)
  const sink = kafkaPredictionSink({ ...options(brokers, topic), model: 'sentiment' })
  const served: readonly ServedPrediction[] = [
    {
      id: 'p-1',
      input: { kind: 'text', text: 'what a lovely phone “ä”' },
      version: 'v3',
      answer: 'positive',
      shown: { label: 'positive' },
      timeMs: 1_700_000_000_123,
      traceparent: '00-ab',
    },
    {
      id: 'p-2',
      input: { kind: 'features', features: [1, 2.5] },
      version: 'v3',
      answer: 'negative',
      shown: { label: 'negative' },
      timeMs: 1_700_000_000_124,
    },
  ]
  await sink.write(served)
  await sink.close()
  const found = await allOf(brokers, topic)
  expect(found.map(keyOf)).toEqual(['p-1', 'p-2'])
  expect(found[0]!.headers).toEqual({
    ce_specversion: '1.0',
    ce_type: 'antikythera.prediction',
    ce_source: '/antikythera/models/sentiment',
    ce_id: 'p-1',
    ce_time: '2023-11-14T22:13:20.123Z',
    'content-type': 'application/json',
    traceparent: '00-ab',
  })
  expect(found[1]!.headers).not.toHaveProperty('traceparent')
  expect(found.map((each) => JSON.parse(textOf(each)) as unknown)).toEqual([
    {
      prediction_id: 'p-1',
      model: 'sentiment',
      version: 'v3',
      label: 'positive',
      input: { text: 'what a lovely phone “ä”' },
    },
    {
      prediction_id: 'p-2',
      model: 'sentiment',
      version: 'v3',
      label: 'negative',
      input: { features: [1, 2.5] },
    },
  ])
})
