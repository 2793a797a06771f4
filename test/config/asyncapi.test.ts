/** The AsyncAPI document: valid by the official schema, true of what intake accepts, and compatible with the first one. */
import type { SignalKind } from '../../src/contracts/payload.ts'
import { value } from '../../src/payloads/signals/value.ts'
import { rating } from '../../src/payloads/signals/rating.ts'
import { label } from '../../src/payloads/signals/label.ts'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import { describe, expect, test } from 'vitest'
import { asyncApiOf } from '../../src/config/async-api.ts'
import { parseConfig } from '../../src/config/config.ts'
import { fileDeadLetterSink } from '../../connectors/file/sink.ts'
import { predictionMessage } from '../../connectors/kafka/sink.ts'
import { parseEvent, type EventContext } from '../../src/intake/events/validate.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { letter } from '../conformance/sink.ts'
import { fc, runs } from '../properties.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { root } from '../source-tree.ts'
import { asyncIncompatibilities } from './asyncapi-compatible.ts'
import { documentOf, payloadOf, type Document } from './asyncapi-document.ts'

const ajv = () => new Ajv({ strict: false, allErrors: true, validateFormats: false })
const document = documentOf()

const require = createRequire(import.meta.url)
const official = require('@asyncapi/specs/schemas/3.0.0-without-$id.json') as object

describe('the document', () => {
  test('is valid by the official schema of AsyncAPI 3, which refuses a wrong one', () => {
    const validate = ajv().compile(official)
    validate(document)
    expect(validate.errors).toBeNull()
    expect(validate({ ...document, channels: { m: { adress: 'x' } } })).toBe(false)
  })

  test('has a channel for each place that the configuration names, and no secret', () => {
    const { channels, servers, operations } = document
    expect(
      Object.entries(channels).map(([key, { address }]) => [key, address, operations[key]!.action]),
    ).toEqual([
      ['sentiment.source.http', '/v1/models/sentiment/feedback', 'receive'],
      ['sentiment.source.kafka', 'feedback', 'receive'],
      ['sentiment.source.kafka.2', 'ratings', 'receive'],
      ['sentiment.source.redis', 'events', 'receive'],
      ['sentiment.dead_letters.file', '/data/dead.jsonl', 'send'],
      ['sentiment.predictions.kafka', 'answers', 'send'],
      ['price.source.file', '/data/events.jsonl', 'receive'],
      ['price.dead_letters.kafka', 'dead', 'send'],
    ])
    expect(Object.values(servers).map(({ host }) => host)).toEqual(['one:9092', 'two:9092'])
    expect(JSON.stringify(document)).not.toContain('not-for-clients')
  })

  test('each reference leads to something', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)]
    expect(references.length).toBeGreaterThan(10)
    for (const [, path = ''] of references) {
      const found = path.split('/').reduce<unknown>((at, key) => {
        return (at as Record<string, unknown> | undefined)?.[key]
      }, document)
      expect(found, path).toBeDefined()
    }
  })
})

const identities = fc.constantFrom(undefined, 'e-1', 'x'.repeat(256), '', 'x'.repeat(257), 7)
const texts = fc.constantFrom<unknown>(
  ...['positive', ' spaced ', 'x'.repeat(128), 'x'.repeat(129), '', '  ', 'a\nb', 3, true],
)
const inputs = fc.constantFrom<unknown>(
  ...[undefined, 'a text', '', ' ', 5, {}, { text: 'a text' }, { text: '' }, { features: [] }],
  ...[{ features: [1, true] }, { features: ['a'] }, { features: { size: 1, kind: 'a', on: true } }],
  ...[{ features: { size: [] } }, { text: 'a', features: [1] }, { features: [2e15] }],
)
const numbers = fc.constantFrom<unknown>(1, -1, 0, 0.5, 1000, 1001, -3, 2e15, '1')
const times = fc.constantFrom<unknown>('2026-11-24T10:00:00Z', '2026-11-24', 1764000000)
const fields = {
  ...{ id: identities, source: identities, prediction_id: identities, input: inputs },
  ...{ label: texts, correction: fc.oneof(texts, numbers), value: numbers, rating: numbers },
  retract: fc.constantFrom<unknown>(undefined, true, 'yes'),
  ...{ weight: numbers, time: times, slice: texts, more: fc.constant('ignored') },
}
const events = fc
  .tuple(
    fc.constantFrom<object>(
      ...[
        { input: 'a text', label: 'positive' },
        { input: { text: 'a' }, correction: 'a' },
      ],
      ...[
        { prediction_id: 'p', rating: 1 },
        { id: 'e', retract: true },
        { input: 'a', value: 1 },
      ],
      ...[{ prediction_id: 'p', correction: 7 }, { source: 's', retract: true }, {}],
    ),
    fc.record(fields, { requiredKeys: [] }),
    fc.uniqueArray(fc.constantFrom(...Object.keys(fields)), { maxLength: 3 }),
  )
  .map(([event, changes, changed]) => {
    const chosen = Object.entries(changes).filter(([key]) => changed.includes(key))
    const all = Object.entries({ ...event, ...Object.fromEntries(chosen) })
    return Object.fromEntries(all.filter(([, value]) => value !== undefined))
  })

function isAccepted(event: unknown, context: Partial<EventContext> = {}): boolean {
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(event))
    parseEvent(bytes, defaultLimits, { source: 'kafka', ...context })
    return true
  } catch {
    return false
  }
}

test('a model on a base of a user’s own takes inputs of kinds that only that base knows', () => {
  const config = parseConfig(
    `plugins: [./stranger.mjs]
models:
  m: { base: grey, task: { several: { tags: [dark] } }, sources: [{ file: { path: ./in } }] }`,
    join(root, 'test/integration'),
  )
  const described = asyncApiOf(config) as unknown as Document
  const fits = ajv().compile(payloadOf(described, 'm.source.file'))
  for (const input of [{ picture: [[1]] }, { text: 'a' }]) {
    expect(fits({ input, tags: ['dark'] })).toBe(true)
    expect(fits({ input, label: 'dark' })).toBe(false)
  }
  expect(
    ajv().compile(payloadOf(document, 'price.source.file'))({ input: { picture: 1 }, value: 1 }),
  ).toBe(false)
})

test.each([
  ['sentiment.source.kafka', [label, rating]],
  ['price.source.file', [value]],
] as [string, SignalKind[]][])(
  'the schema of %s and intake agree on every combination of fields',
  (key, signals) => {
    const validate = ajv().compile(payloadOf(document, key))
    const seen = { accepted: 0, refused: 0 }
    fc.assert(
      fc.property(events, (event) => {
        const expected = isAccepted(event, { signals })
        seen[expected ? 'accepted' : 'refused'] += 1
        expect(validate(event)).toBe(expected)
      }),
      { numRuns: runs(3000) },
    )
    expect(seen.accepted).toBeGreaterThan(300)
    expect(seen.refused).toBeGreaterThan(300)
  },
)

const input = { text: 'what a lovely phone' }

test.each<object>([
  { input, label: 'positive' },
  { id: 'e-1', source: 'desk', input: 'a plain text', correction: 'negative', weight: 0.5 },
  { prediction_id: 'p-1', rating: -1, slice: 'eu-west', time: '2026-11-24T10:00:00+01:00' },
  { id: 'e-1', retract: true },
  { source: 'desk', retract: true, since: '2026-11-24T10:00:00Z' },
  { specversion: '1.0', id: '1', source: '/desk', type: 'x', data: { input, label: 'positive' } },
])('a documented event is valid: %j', (event) => {
  expect(isAccepted(event)).toBe(true)
  expect(ajv().validate(payloadOf(document, 'sentiment.source.http'), event)).toBe(true)
})

describe('what sinks write is as described', () => {
  test('dead letters in a file', async () => {
    const path = join(scratchFolder(), 'dead.jsonl')
    const sink = fileDeadLetterSink({ path })
    await sink.write([letter('a'), { ...letter('b'), headers: { h: new Uint8Array([255]) } }])
    await sink.close()
    const validate = ajv().compile(payloadOf(document, 'sentiment.dead_letters.file'))
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) {
      expect(validate(JSON.parse(line)), line).toBe(true)
      const { key: _, ...without } = JSON.parse(line) as { key: string }
      expect(validate(without)).toBe(false)
    }
  })

  test('served predictions in Kafka', () => {
    const served = {
      ...{ id: 'p-1', version: 'v2', answer: 'positive', timeMs: 0 },
      ...{ shown: { label: 'positive' }, input: { kind: 'text', text: 'a' } as const },
    }
    const { value, headers } = predictionMessage(served, 'sentiment')
    const message = document.components.messages['sentiment.predictions.kafka']!
    const content = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>
    expect(ajv().validate(message.payload, content)).toBe(true)
    expect(ajv().validate(message.headers!, headers)).toBe(true)
    expect(Object.keys(content).filter((name) => !(name in message.payload.properties!))).toEqual(
      [],
    )
    expect(ajv().validate(message.payload, { ...content, version: 2 })).toBe(false)
  })
})

describe('compatibility', () => {
  const recorded = () =>
    JSON.parse(readFileSync(join(root, 'test/reference/v1-asyncapi.json'), 'utf8')) as Document

  test('nothing that the first document describes is gone, or asks for more', () => {
    expect(asyncIncompatibilities(recorded(), document)).toEqual([])
  })

  const kafka = 'sentiment.source.kafka'
  test.each<[string, (now: Document) => void, string]>([
    ['a channel is gone', ({ channels }) => Reflect.deleteProperty(channels, kafka), 'gone'],
    [
      'a channel has moved',
      ({ channels }) => Object.assign(channels[kafka]!, { address: 'elsewhere' }),
      `${kafka}: was at feedback, is at elsewhere`,
    ],
    [
      'a field of an event is gone',
      (now) => Reflect.deleteProperty(eventIn(now).properties!, 'slice'),
      '.slice: gone',
    ],
    [
      'a field of an event has another type',
      (now) => Object.assign(eventIn(now).properties!, { weight: { type: 'string' } }),
      '.weight: was number, is string',
    ],
    [
      'an event needs more',
      (now) => Object.assign(eventIn(now), { required: ['id'] }),
      'refuses what it took',
    ],
    [
      'an event may say less at once',
      (now) => Object.assign(eventIn(now).properties!, { weight: { type: 'number', maximum: 1 } }),
      'refuses what it took',
    ],
    [
      'a sink writes less',
      (now) =>
        Object.assign(payloadOf(now, 'sentiment.predictions.kafka'), { required: ['version'] }),
      '.prediction_id: may be absent now',
    ],
  ])('it is noticed that %s', (_what, change, said) => {
    const now = structuredClone(document)
    change(now)
    expect(asyncIncompatibilities(recorded(), now).join('\n')).toContain(said)
  })

  test('additions are allowed', () => {
    const now = structuredClone(document)
    Object.assign(eventIn(now).properties!, { colour: { type: 'string' } })
    Object.assign(payloadOf(now, 'sentiment.predictions.kafka').properties!, { more: {} })
    expect(asyncIncompatibilities(recorded(), now)).toEqual([])
  })

  const eventIn = (now: Document) => payloadOf(now, kafka).anyOf![0]!
})
