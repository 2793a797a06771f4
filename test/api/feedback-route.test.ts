import { deflateSync, gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import { openServed, type ServedOptions } from './open-served.ts'

const json = 'application/json'
const ndjson = 'application/x-ndjson'

async function open(options?: ServedOptions) {
  const served = await openServed(options)
  const send = (body: unknown, type = json, headers: Record<string, string> = {}) =>
    served.app.inject({
      method: 'POST',
      url: '/v1/models/m/feedback',
      headers: { 'content-type': type, ...headers },
      payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
    })
  return { ...served, send }
}

const event = (id: string, more: object = {}) => ({
  id,
  input: { text: 'good' },
  label: 'yes',
  ...more,
})

test('one event is on disk before it is accepted', async () => {
  const { send, journal } = await open()
  const response = await send(event('e-1'))
  expect(response.statusCode).toBe(202)
  expect(response.json()).toEqual({ accepted: 1, duplicates: 0, rejected: [], position: '1' })
  expect(journal()).toEqual([event('e-1')])
})

test('an event that comes again is a duplicate, in the same body and in a later one', async () => {
  const { send, journal } = await open()
  const events = [event('e-1'), event('e-2'), event('e-1')]
  expect((await send({ events })).json()).toMatchObject({ accepted: 2, duplicates: 1 })
  expect((await send(event('e-2'))).json()).toMatchObject({ accepted: 0, duplicates: 1 })
  expect(journal().map(({ id }) => id)).toEqual(['e-1', 'e-2'])
})

test('an event without an id gets one back, which has its receipt, also when it comes again', async () => {
  const { send } = await open()
  const { id: _id, ...nameless } = event('')
  const events = [event('e-1'), nameless, { ...nameless, label: 'maybe' }, { ...nameless, id: 'x' }]
  const { ids } = (await send({ events })).json<{ ids: { index: number; id: string }[] }>()
  expect(ids).toEqual([{ index: 1, id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) as string }])
  expect((await send(nameless)).json()).toMatchObject({
    duplicates: 1,
    ids: [{ index: 0, id: ids[0]!.id }],
  })
  expect((await send({ source: 'desk', retract: true })).json()).not.toHaveProperty('ids')
})

test('an event that was retracted before it came says so at once', async () => {
  const { send } = await open()
  await send({ id: 'e-2', source: 'desk', retract: true })
  const said = (id: string) => event(id, { source: 'desk' })
  const fix = expect.stringContaining('another id') as string
  const receipt = { index: 2, status: 'retracted', code: 'RETRACTED', fix }
  const many = (await send({ events: [said('e-1'), 7, said('e-2')] })).json<object>()
  expect(many).toMatchObject({ accepted: 2, retracted: 1, receipts: [receipt] })
  expect(many).not.toHaveProperty('status')
  const other = (await send(said('e-3'))).json<object>()
  expect(other).not.toHaveProperty('status')
  await send({ id: 'e-4', source: 'desk', retract: true })
  expect((await send(said('e-4'))).json()).toMatchObject({ accepted: 1, status: 'retracted' })
})

test('of many events the good are taken, and the bad are named and kept in the dead letters', async () => {
  const { send, journal, letters, metrics } = await open()
  const events = [event('e-1'), event('e-2', { label: 'maybe' }), 7, event('e-3')]
  const response = await send({ events })
  expect(response.statusCode).toBe(202)
  expect(response.json()).toMatchObject({
    accepted: 2,
    rejected: [
      { index: 1, code: 'LABEL_UNKNOWN' },
      { index: 2, code: 'EVENT_MALFORMED' },
    ],
  })
  expect(journal().map(({ id }) => id)).toEqual(['e-1', 'e-3'])
  expect(letters.map(({ code, value }) => [code, Buffer.from(value).toString()])).toEqual([
    ['LABEL_UNKNOWN', JSON.stringify(events[1])],
    ['EVENT_MALFORMED', '7'],
  ])
  const text = await metrics.text()
  expect(text).toContain('antikythera_feedback_accepted_total{model="m"} 2')
  expect(text).toContain('antikythera_feedback_rejected_total{model="m",code="LABEL_UNKNOWN"} 1')
})

test('NDJSON: each line by itself, blank ones passed over, the last without its end', async () => {
  const { send, journal } = await open()
  const lines = ['', JSON.stringify(event('e-1')), '{"torn', '  \r', JSON.stringify(event('e-2'))]
  const response = await send(lines.join('\n'), ndjson)
  expect(response.json()).toMatchObject({
    accepted: 2,
    rejected: [{ index: 1, code: 'EVENT_MALFORMED' }],
  })
  expect(journal().map(({ id }) => id)).toEqual(['e-1', 'e-2'])
})

test('the same bad event twice has one key in the dead letters', async () => {
  const { send, letters } = await open()
  await send(event('e-1', { label: 'maybe' }))
  await send(event('e-1', { label: 'maybe' }))
  await send(event('e-2', { label: 'maybe' }))
  const keys = letters.map(({ key }) => key)
  expect(keys[0]).toBe(keys[1])
  expect(keys[0]).not.toBe(keys[2])
})

const bodies: readonly [string, string, (lines: readonly string[]) => string][] = [
  ['NDJSON', ndjson, (lines) => lines.join('\n')],
  ['a list', json, (lines) => `[${lines.join()}]`],
  ['events', json, (lines) => `{"events":[${lines.join()}]}`],
]

test.each(bodies)('%s: more events than the limit are refused as one', async (...args) => {
  const [, type, bodyOf] = args
  const { send, journal, letters } = await open({ limits: { body_events: 3 } })
  const good = ['e-1', 'e-2', 'e-3'].map((id) => JSON.stringify(event(id)))
  const response = await send(bodyOf([...good, '7']), type)
  expect(response.statusCode).toBe(413)
  expect(response.json()).toMatchObject({ code: 'TOO_MANY_EVENTS', most: 3 })
  expect(response.json<{ fix: string }>().fix).toContain('limits.body_bytes')
  expect([journal(), letters]).toEqual([[], []])
  expect((await send(bodyOf(good), type)).json()).toMatchObject({ accepted: 3 })
})

test('tens of thousands of bad or empty lines leave no dead letter and cost no time', async () => {
  const { send, letters } = await open()
  const before = process.cpuUsage()
  expect((await send('bad\n'.repeat(37_000), ndjson)).json()).toMatchObject({
    code: 'TOO_MANY_EVENTS',
  })
  expect((await send('\n'.repeat(250_000), ndjson)).json()).toMatchObject({ accepted: 0 })
  expect(letters).toEqual([])
  // Seconds, when each line was looked at.
  expect(process.cpuUsage(before).user).toBeLessThan(500_000)
})

test('the bad events of a body are buried in batches', async () => {
  const { send, letters, batches } = await open()
  const response = await send('bad\n'.repeat(1000), ndjson)
  expect(response.json<{ rejected: unknown[] }>().rejected).toHaveLength(1000)
  expect(letters).toHaveLength(1000)
  expect(Math.max(...batches)).toBeLessThanOrEqual(250)
})

const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
const nested = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`
const cases: readonly [string, string | Buffer | object, number, string][] = [
  ['a torn document', '{"id":"e-1"', 400, 'BODY_MALFORMED'],
  ['bad UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 400, 'BODY_MALFORMED'],
  ['a number', '7', 400, 'EVENT_MALFORMED'],
  ['a null', 'null', 400, 'EVENT_MALFORMED'],
  ['events that are no list', { events: 7 }, 400, 'REQUEST_INVALID'],
  ['nothing said', { id: 'e', input: { text: 'good' } }, 400, 'EVENT_INVALID'],
  ['no input', { id: 'e', label: 'yes' }, 400, 'EVENT_INVALID'],
  ['a null label', event('e', { label: null }), 400, 'LABEL_INVALID'],
  ['an unknown label', event('e', { label: 'maybe' }), 400, 'LABEL_UNKNOWN'],
  ['a retired label', event('e', { label: 'old' }), 400, 'LABEL_RETIRED'],
  ['an unknown correction', { ...event('e'), label: null, correction: 'x' }, 400, 'LABEL_UNKNOWN'],
  ['an empty text', event('e', { input: { text: ' ' } }), 400, 'INPUT_EMPTY'],
  ['a huge text', event('e', { input: 'a'.repeat(10_001) }), 413, 'INPUT_TOO_LONG'],
  ['features for text', event('e', { input: { features: [1] } }), 400, 'INPUT_WRONG_KIND'],
  ['a rating of nothing', { id: 'e', rating: 1, input: 'x' }, 400, 'RATING_NEEDS_PREDICTION'],
  ['another model', event('e', { model: 'other' }), 400, 'EVENT_WRONG_MODEL'],
  ['a big event', event('e', { note: 'x'.repeat(70_000) }), 413, 'EVENT_TOO_LARGE'],
  ['a deep event', `{"id":"e","label":"yes","input":"x","note":${nested}}`, 400, 'EVENT_TOO_DEEP'],
  [
    'a prototype',
    '{"id":"e","label":"yes","input":"x","__proto__":{}}',
    400,
    'EVENT_FORBIDDEN_KEY',
  ],
  ['a big body', event('e', { note: 'x'.repeat(300_000) }), 413, 'BODY_TOO_LARGE'],
]

test.each(cases)('%s alone is refused as the request, and nothing is kept', async (...args) => {
  const [, body, status, code] = args
  const { send, journal } = await open()
  const response = await send(body)
  expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([status, code])
  expect(journal()).toEqual([])
  expect((await send(event('next'))).statusCode).toBe(202)
})

test.each([
  ['deep', nested, 'EVENT_TOO_DEEP'],
  ['poisoned', '{"constructor":{"prototype":1}}', 'EVENT_FORBIDDEN_KEY'],
])('a %s event among others is refused alone', async (_what, text, code) => {
  const { send, journal } = await open()
  const response = await send(`{"events":[${text},${JSON.stringify(event('e-1'))}]}`)
  expect(response.json()).toMatchObject({ accepted: 1, rejected: [{ index: 0, code }] })
  expect(journal().map(({ id }) => id)).toEqual(['e-1'])
})

test('a body that is nested deeper than any limit is refused whole, without being parsed', async () => {
  const { send, letters } = await open()
  const response = await send(`{"events":[${deep},${JSON.stringify(event('e-1'))}]}`)
  expect([response.statusCode, response.json()]).toMatchObject([400, { code: 'EVENT_TOO_DEEP' }])
  expect(letters).toEqual([])
})

test('open labels: one that was never seen is accepted', async () => {
  const { send } = await open({ open: true })
  expect((await send(event('e-1', { label: 'brand-new' }))).json()).toMatchObject({ accepted: 1 })
})

test('predictions that feedback names are written before it is', async () => {
  const { app, send, flushed, journal } = await open()
  await app.inject({
    method: 'POST',
    url: '/v1/models/m/predict',
    payload: { inputs: ['A'] },
  })
  await send(event('e-1'))
  expect(flushed).toEqual([])
  await send({ prediction_id: 'p-1', rating: -1 })
  expect(flushed).toEqual([1])
  expect(journal()).toHaveLength(2)
})

test('a structured CloudEvent and a batch of them are taken', async () => {
  const { send, journal } = await open()
  const envelope = (id: string) => ({
    specversion: '1.0',
    type: 'feedback',
    id,
    source: 's',
    data: { input: 'good', label: 'yes' },
  })
  const one = await send(envelope('c-1'), 'application/cloudevents+json')
  expect(one.json()).toMatchObject({ accepted: 1 })
  const many = [envelope('c-1'), envelope('c-2')]
  const batch = await send(many, 'application/cloudevents-batch+json')
  expect(batch.json()).toMatchObject({ accepted: 1, duplicates: 1 })
  expect(journal().map(({ id }) => id)).toEqual(['c-1', 'c-2'])
})

test('a binary CloudEvent keeps the identity that lies in its headers', async () => {
  const { send, journal } = await open()
  const headers = { 'ce-specversion': '1.0', 'ce-id': 'c%201', 'ce-source': 's', 'ce-type': 't' }
  const body = { input: 'good', label: 'yes' }
  expect((await send(body, json, headers)).json()).toMatchObject({ accepted: 1 })
  expect((await send(body, json, headers)).json()).toMatchObject({ duplicates: 1 })
  expect(journal()).toMatchObject([{ id: 'c 1', source: 's', data: body }])
})

test('an inbox that is full refuses all of a body, and says when to come again', async () => {
  const { send, journal } = await open({ inbox: { unreadEvents: 2 } })
  expect((await send(event('e-1'))).statusCode).toBe(202)
  const refused = await send({ events: [event('e-2'), event('e-3')] })
  expect(refused.json()).toMatchObject({ status: 429, code: 'INBOX_FULL' })
  expect(refused.headers['retry-after']).toBe('1')
  expect(journal()).toHaveLength(1)
})

test('a disk that refuses is a 507 of ours, and the next body is taken', async () => {
  const { send, letters } = await open()
  letters.push = () => {
    throw failure('DISK_FULL', 'no space left')
  }
  expect((await send(event('e-1', { label: 'maybe' }))).json()).toMatchObject({ status: 507 })
  expect((await send(event('e-2'))).statusCode).toBe(202)
})

test('a body without a type, and no body at all, are refused', async () => {
  const { app } = await open()
  const url = '/v1/models/m/feedback'
  expect((await app.inject({ method: 'POST', url })).json()).toMatchObject({
    code: 'REQUEST_INVALID',
  })
  const typeless = await app.inject({ method: 'POST', url, payload: Buffer.from('{}') })
  expect(typeless.json()).toMatchObject({ status: 415, code: 'BODY_TYPE_UNSUPPORTED' })
  // As `curl -d` sends it.
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const curl = await app.inject({ method: 'POST', url, payload: '{}', headers: form })
  expect(curl.json()).toMatchObject({ status: 415, code: 'BODY_TYPE_UNSUPPORTED' })
  expect(curl.json<{ fix: string }>().fix).toContain(`-H 'content-type: application/json'`)
})

test.each([
  ['gzip', gzipSync],
  ['deflate', deflateSync],
] as const)('a body may be compressed with %s', async (encoding, compress) => {
  const { send, journal } = await open()
  const headers = { 'content-encoding': encoding }
  expect((await send(compress(JSON.stringify(event('e-1'))), json, headers)).statusCode).toBe(202)
  const lines = [event('e-2'), event('e-3')].map((each) => JSON.stringify(each)).join('\n')
  expect((await send(compress(lines), ndjson, headers)).json()).toMatchObject({ accepted: 2 })
  expect(journal().map(({ id }) => id)).toEqual(['e-1', 'e-2', 'e-3'])
})

test('a compressed body is inflated no further than to the limit of a body', async () => {
  const { send, journal } = await open()
  const headers = { 'content-encoding': 'gzip' }
  const bomb = await send(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')), json, headers)
  expect(bomb.json()).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
  const torn = await send(gzipSync('{}').subarray(0, 12), json, headers)
  const fix = expect.stringContaining('gzip or deflate') as unknown
  expect(torn.json()).toMatchObject({ status: 400, code: 'BODY_MALFORMED', fix })
  const plain = await send('{}', json, headers)
  expect(plain.json()).toMatchObject({ status: 400, code: 'BODY_MALFORMED' })
  const other = await send('{}', json, { 'content-encoding': 'zstd' })
  expect(other.json()).toMatchObject({ status: 415, code: 'BODY_TYPE_UNSUPPORTED', fix })
  expect(journal()).toEqual([])
})

test('the refusal of an event that came alone is a problem with the receipt of a refused event', async () => {
  const { send } = await open()
  const response = await send(event('e-1', { label: 'maybe' }))
  expect(response.statusCode).toBe(400)
  expect(response.json()).toMatchObject({
    code: 'LABEL_UNKNOWN',
    accepted: 0,
    duplicates: 0,
    rejected: [{ index: 0, code: 'LABEL_UNKNOWN' }],
  })
})
