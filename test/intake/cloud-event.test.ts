import { expect, test } from 'vitest'
import { parseEvent, type EventContext } from '../../src/intake/events/validate.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { thrown } from '../coded.ts'

const parse = (value: unknown, headers: EventContext['headers'] = {}) =>
  parseEvent(new TextEncoder().encode(JSON.stringify(value)), defaultLimits, {
    source: 'kafka',
    headers,
  })
const data = { input: { text: 'x' }, label: 'a' }
const envelope = {
  specversion: '1.0',
  type: 'feedback',
  id: 'c-1',
  source: '/shop',
  time: '2026-11-24T10:00:00Z',
}
const timeMs = Date.UTC(2026, 10, 24, 10)

test('a structured CloudEvent gives its id, source and time to the event in it', () => {
  expect(parse({ ...envelope, data })).toMatchObject({ id: 'c-1', source: '/shop', timeMs })
})

test('an envelope may name the slice, and the event wins', () => {
  expect(parse({ ...envelope, slice: 'north', data }).slice).toBe('north')
  expect(parse({ ...envelope, slice: 'north', data: { ...data, slice: 'south' } }).slice).toBe(
    'south',
  )
  expect(parse(data, { ce_id: 'c-1', ce_source: '/shop', ce_slice: 'north' }).slice).toBe('north')
})

test('what the event says of itself wins over the envelope', () => {
  const event = parse({ ...envelope, data: { ...data, id: 'own', time: '2026-11-24T11:00:00Z' } })
  expect(event).toMatchObject({ id: 'own', source: '/shop', timeMs: timeMs + 3_600_000 })
})

test('data in base64 is an event too, with the same limits', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  expect(parse({ ...envelope, data_base64: base64(JSON.stringify(data)) }).id).toBe('c-1')
  const deep = '['.repeat(100) + ']'.repeat(100)
  const error = thrown(() => parse({ ...envelope, data_base64: base64(deep) }))
  expect(error.code).toBe('EVENT_TOO_DEEP')
})

test.each([
  ['Kafka', { ce_specversion: '1.0', ce_id: 'c-1', ce_source: '/a%20b' }, '/a%20b'],
  ['HTTP', { 'Ce-Specversion': '1.0', 'Ce-Id': 'c-1', 'Ce-Source': '/a%20b' }, '/a b'],
  ['HTTP, badly encoded', { 'ce-specversion': '1.0', 'ce-id': 'c-1', 'ce-source': '%zz' }, '%zz'],
])('a binary CloudEvent over %s has its envelope in headers', (_name, headers, source) => {
  expect(parse(data, headers)).toMatchObject({ id: 'c-1', source })
})

test('id and source in headers are the identity, also where the version was forgotten', () => {
  const headers = { ce_id: 'c-1', ce_source: '/shop' }
  expect(parse(data, headers)).toMatchObject({ id: 'c-1', source: '/shop' })
  expect(parse({ ...data, label: 'b' }, headers)).toMatchObject({ id: 'c-1', source: '/shop' })
  expect(parse(data, { ce_id: 'c-1' }).source).toBe('kafka')
})

test('a binary CloudEvent that takes something back names it itself', () => {
  const headers = { ce_specversion: '1.0', ce_id: 'message-2', ce_source: '/shop' }
  const event = parse({ id: 'c-1', retract: true }, headers)
  expect(event).toMatchObject({ id: 'c-1', source: '/shop', signal: { kind: 'retract' } })
})

test.each([
  ['no id', { ...envelope, id: undefined, data }, {}, '/id'],
  ['no source', { ...envelope, source: null, data }, {}, '/source'],
  ['an unknown version', { ...envelope, specversion: '2.0', data }, {}, '/specversion'],
  ['no id in the headers', data, { ce_specversion: '1.0', ce_source: 's' }, '/headers/id'],
  ['a bad label inside', { ...envelope, data: { ...data, label: '' } }, {}, '/data/label'],
  ['data that is no object', { ...envelope, data: 'text' }, {}, '/data'],
])('a CloudEvent with %s is refused at its place', (_name, value, headers, pointer) => {
  expect(thrown(() => parse(value, headers)).details.pointer).toBe(pointer)
})

test('an event of ours that happens to have a key specversion is no CloudEvent', () => {
  expect(parse({ ...data, specversion: '1.0', id: 'own' }).id).toBe('own')
})

const [near, far] = ['a', 'b'].map((digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`)

test('the trace of an event is that of the header, or of the envelope', () => {
  expect(parse(data, { traceparent: near! }).traceparent).toBe(near)
  expect(parse({ ...envelope, traceparent: far, data }).traceparent).toBe(far)
  expect(parse({ ...envelope, traceparent: far, data }, { traceparent: near! }).traceparent).toBe(
    near,
  )
  const headers = { ce_id: 'c-1', ce_source: '/shop', ce_traceparent: far! }
  expect(parse(data, headers).traceparent).toBe(far)
})

test('a malformed trace is ignored, and refuses nothing', () => {
  for (const traceparent of ['', 'x', `${near}-more`, near!.toUpperCase()])
    expect(parse(data, { traceparent })).not.toHaveProperty('traceparent')
  for (const traceparent of ['x', 7, null, {}])
    expect(parse({ ...envelope, traceparent, data }).id).toBe('c-1')
})

test('an event without an id is the same event in another trace', () => {
  expect(parse(data, { traceparent: near! }).id).toBe(parse(data).id)
})
