import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KafkaMessage } from 'kafkajs'
import { expect, test } from 'vitest'
import { scratchFolder } from '../scratch-folder.ts'
import { kafkaClient, makeTopic, needsKafka, sharedKafka } from '../services/kafka.ts'
import { runCli } from './run-cli.ts'

function fileOf(lines: readonly string[]): string {
  const path = join(scratchFolder(), 'data.jsonl')
  writeFileSync(path, lines.join('\n'))
  return path
}

const event = (id: string, more: object = {}) =>
  JSON.stringify({ id, input: { text: `text ${id}` }, label: 'yes', ...more })

async function open(partitions = 1) {
  const brokers = await sharedKafka()
  const topic = await makeTopic(brokers, partitions)
  const send = (lines: readonly string[], ...flags: string[]) =>
    runCli(
      'feedback',
      ...['--kafka', brokers.join(','), '--topic', topic, '--file', fileOf(lines), ...flags],
    )
  return { brokers, topic, send }
}

type Read = KafkaMessage & { readonly partition: number }

/** Exactly so many messages of a topic, as they come. */
async function read(brokers: readonly string[], topic: string, count: number): Promise<Read[]> {
  const consumer = kafkaClient(brokers).consumer({ groupId: `read-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const messages: Read[] = []
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message, partition }) => {
        messages.push({ ...message, partition })
        if (messages.length === count) resolve()
      },
    })
  })
  await consumer.disconnect()
  return messages
}

test('a file arrives line by line as it stands, keyed by the ids of its events', async (context) => {
  needsKafka(context)
  const { brokers, topic, send } = await open()
  const odd = ` { "id":"e-odd",  "label" : "yes", "input":{"text":"naïve"} } `
  const lines = [...Array.from({ length: 1200 }, (_, at) => event(`e-${at}`)), '', odd]
  const result = await send(lines, '--json')
  expect(result.code).toBe(0)
  expect(result.json()).toMatchObject({ topic, sent: 1201, rejected: [] })
  const messages = await read(brokers, topic, 1201)
  expect(messages.map(({ value }) => value?.toString())).toEqual(
    lines.filter((line) => line !== ''),
  )
  expect(messages.map(({ key }) => key?.toString()).slice(-2)).toEqual(['e-1199', 'e-odd'])
})

test('equal events go to one partition, also those without an id', async (context) => {
  needsKafka(context)
  const { brokers, topic, send } = await open(4)
  const unnamed = Array.from({ length: 20 }, (_, at) => `{"input":{"text":"${at}"},"label":"yes"}`)
  await send(unnamed)
  await send(unnamed)
  const messages = await read(brokers, topic, 40)
  const places = new Map<string, Set<number>>()
  for (const { value, partition } of messages) {
    const text = value?.toString() ?? ''
    places.set(text, (places.get(text) ?? new Set()).add(partition))
  }
  expect([...places.values()].map(({ size }) => size)).toEqual(Array(20).fill(1))
  expect(new Set(messages.map(({ partition }) => partition)).size).toBeGreaterThan(1)
})

test('by --key model, the events of a model keep their order', async (context) => {
  needsKafka(context)
  const { brokers, topic, send } = await open(4)
  const lines = Array.from({ length: 40 }, (_, at) => event(`e-${at}`, { model: `m${at % 3}` }))
  await send([...lines, event('e-last')], '--key', 'model', '--model', 'm0')
  const messages = await read(brokers, topic, 41)
  expect(new Set(messages.map(({ key }) => key?.toString()))).toEqual(new Set(['m0', 'm1', 'm2']))
  const ids = messages
    .filter(({ key }) => key?.toString() === 'm0')
    .map(({ value }) => (JSON.parse(String(value)) as { id: string }).id)
  expect(ids).toEqual([...Array.from({ length: 14 }, (_, at) => `e-${at * 3}`), 'e-last'])
})

test('what is no event is named by its line, and the rest is sent', async (context) => {
  needsKafka(context)
  const { brokers, topic, send } = await open()
  const long = event('e-long', { input: { text: 'x'.repeat(1_000_000) } })
  const result = await send([event('a'), 'not json', '[1]', long, event('b')])
  expect(result.code).toBe(65)
  expect(result.stdout).toContain('2 sent')
  expect(result.stdout).toContain('line 2: EVENT_MALFORMED')
  expect(result.stdout).toContain('line 3: EVENT_MALFORMED')
  expect(result.stdout).toContain('line 4: EVENT_TOO_LARGE')
  expect((await read(brokers, topic, 2)).map(({ key }) => key?.toString())).toEqual(['a', 'b'])
})

test('a misspelt topic is named at once, and is not made', async (context) => {
  needsKafka(context)
  const brokers = await sharedKafka()
  const place = ['--kafka', brokers.join(','), '--topic', 'nowhere']
  const { code, stderr } = await runCli('feedback', ...place, '--file', fileOf([event('a')]))
  expect(code).toBe(66)
  expect(stderr).toContain('TOPIC_UNKNOWN')
  expect(stderr).not.toContain('trying again')
})

test('no broker at the address ends with its code after the time for retries', async () => {
  const flags = ['--kafka', '127.0.0.1:1', '--topic', 't', '--retry-seconds', '0.1']
  const result = await runCli('feedback', ...flags, '--file', fileOf([event('a')]), '--json')
  expect(result.code).toBe(69)
  expect(JSON.parse(result.stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
    error: { code: 'SINK_FAILED' },
  })
})

test.each([
  [['--kafka', 'b:9092', '--file', 'f'], '--topic'],
  [['--kafka', 'b:9092', '--topic', 't'], '--file'],
  [['--kafka', 'b:9092', '--topic', 't', '--file', 'f', '--sasl', 'plain'], '--user'],
  [['--kafka', 'b:9092', '--topic', 't', '--file', 'f', '--sasl', 'bogus'], 'scram-sha-256'],
  [['--kafka', 'b:9092', '--topic', 't', '--file', 'f', '--key', 'bogus'], 'id, model'],
])('%j is a usage mistake', async (flags, words) => {
  const { code, stderr } = await runCli('feedback', ...flags)
  expect(code).toBe(64)
  expect(stderr).toContain(words)
})
