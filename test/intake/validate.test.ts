import { value as valueKind } from '../../src/payloads/signals/value.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import type { InputKind } from '../../src/contracts/payload.ts'
import { describe, expect, test } from 'vitest'
import { CodedError } from '../../src/contracts/core.ts'
import { signalDigest } from '../../src/intake/events/event-key.ts'
import { parseEvent, type EventContext } from '../../src/intake/events/validate.ts'
import { errorTable, fixOf } from '../../src/platform/errors.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { thrown } from '../coded.ts'
import { fc, runs } from '../properties.ts'

const context: EventContext = { source: 'kafka' }
const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const parse = (value: unknown, more: Partial<EventContext> = {}) =>
  parseEvent(encode(value), defaultLimits, { ...context, ...more })
const input = { text: 'what a lovely phone' }
const labelled = { input, label: 'positive' }

test('the whole event of the README is read', () => {
  const event = {
    id: 'e-1',
    source: 'support-desk',
    model: 'sentiment',
    input,
    label: 'positive',
    weight: 2,
    slice: ' eu-west',
    time: '2026-11-24T10:00:00+01:00',
  }
  expect(parse(event, { model: 'sentiment', reads: [text] })).toEqual({
    id: 'e-1',
    source: 'support-desk',
    model: 'sentiment',
    input: { kind: 'text', text: 'what a lovely phone' },
    signal: { kind: 'label', label: 'positive' },
    weight: 2,
    slice: 'eu-west',
    timeMs: Date.UTC(2026, 10, 24, 9),
  })
})

test.each([
  ['a number', 7],
  ['a blank', ' '],
  ['129 characters', 'é'.repeat(129)],
  ['a control character', 'eu\0west'],
])('%s is no slice', (_name, slice) => {
  const error = thrown(() => parse({ ...labelled, slice }))
  expect(error).toMatchObject({ code: 'EVENT_INVALID', details: { pointer: '/slice' } })
  expect(fixOf(error)).toContain('eu-west')
})

test('the same signal with another slice is the same signal', () => {
  const [one, other] = [parse({ ...labelled, slice: 'a' }), parse({ ...labelled, slice: 'b' })]
  expect(signalDigest(one)).toBe(signalDigest(other))
})

test('source, weight, time and id are filled in when absent', () => {
  const event = parse(labelled, { timeMs: 7 })
  expect(event).toMatchObject({ source: 'kafka', weight: 1, timeMs: 7 })
  expect(event.id).toMatch(/^sha256:[0-9a-f]{64}$/)
})

test('an id made from content does not depend on the order of keys, and depends on all of them', () => {
  const one = parse({ label: 'a', input: { text: 'x' } }).id
  expect(parse({ input: { text: 'x' }, label: 'a', id: null }).id).toBe(one)
  expect(parse({ input: { text: 'y' }, label: 'a' }).id).not.toBe(one)
  expect(parse({ input: { text: 'x' }, label: 'a', order: 7 }).id).not.toBe(one)
})

test.each([
  [{ label: 'a' }, { kind: 'label', label: 'a' }],
  [{ correction: 'a' }, { kind: 'label', label: 'a' }],
  [
    { rating: -1, label: null, retract: false },
    { kind: 'rating', rating: -1 },
  ],
  [{ retract: true }, { kind: 'retract' }],
])('%j is a lesson about a prediction', (said, signal) => {
  expect(parse({ prediction_id: 'p', ...said })).toMatchObject({ predictionId: 'p', signal })
})

test('features come as a list or by name', () => {
  const read = (features: unknown) => parse({ input: { features }, label: 'a' }).input
  expect(read([1, -0, 2.5])).toEqual({ kind: 'features', features: [1, 0, 2.5] })
  expect(read({ age: 3, town: 'Oslo' })).toEqual({
    kind: 'features',
    features: { age: 3, town: 'Oslo' },
  })
})

test('a label has one spelling, whatever blanks and Unicode form the event has', () => {
  const labelOf = (fields: object) => parse({ input, ...fields }).signal
  expect(labelOf({ label: ' yes\n' })).toEqual({ kind: 'label', label: 'yes' })
  expect(labelOf({ correction: 'e\u0301' })).toEqual({ kind: 'label', label: '\u00e9' })
})

test('half of a surrogate pair in a text becomes the replacement character', () => {
  expect(parse({ input: { text: 'a\ud83d' }, label: 'a' }).input).toEqual({
    kind: 'text',
    text: 'a\uFFFD',
  })
})

test('keys that nobody reads are ignored and told', () => {
  const told: string[] = []
  parse({ ...labelled, trace: 1, lable: 'x' }, { onUnknownKey: (key) => told.push(key) })
  expect(told).toEqual(['trace', 'lable'])
})

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

describe('refused by code and place:', () => {
  test.each<[string, unknown, string, string]>([
    ['a list', [], 'EVENT_MALFORMED', ''],
    ['null', null, 'EVENT_MALFORMED', ''],
    ['no lesson', { input }, 'EVENT_INVALID', ''],
    ['no subject', { label: 'a' }, 'EVENT_INVALID', ''],
    ['a null label', { input, label: null }, 'LABEL_INVALID', '/label'],
    ['a null correction', { input, correction: null }, 'LABEL_INVALID', '/correction'],
    ['a blank label', { input, label: ' ' }, 'LABEL_INVALID', '/label'],
    ['a numeric label', { input, label: 1 }, 'LABEL_INVALID', '/label'],
    ['a long label', { input, label: 'a'.repeat(129) }, 'LABEL_INVALID', '/label'],
    ['a label with NUL', { input, label: 'a\0' }, 'LABEL_INVALID', '/label'],
    ['a label that is shown reversed', { input, label: '\u202eevil' }, 'LABEL_INVALID', '/label'],
    ['half a surrogate pair in a label', { input, label: 'a\ud800' }, 'LABEL_INVALID', '/label'],
    ['two lessons', { ...labelled, rating: 1 }, 'EVENT_INVALID', '/rating'],
    ['rating 0', { prediction_id: 'p', rating: 0 }, 'EVENT_INVALID', '/rating'],
    ['rating "1"', { prediction_id: 'p', rating: '1' }, 'EVENT_INVALID', '/rating'],
    ['a rating of no answer', { input, rating: 1 }, 'RATING_NEEDS_PREDICTION', '/rating'],
    ['retract "yes"', { id: 'e', retract: 'yes' }, 'EVENT_INVALID', '/retract'],
    ['a retraction of nothing', { retract: true }, 'EVENT_INVALID', '/retract'],
    ['an empty id', { ...labelled, id: '' }, 'EVENT_INVALID', '/id'],
    ['a numeric id', { ...labelled, id: 7 }, 'EVENT_INVALID', '/id'],
    ['half a surrogate pair in an id', { ...labelled, id: '\udc00' }, 'EVENT_INVALID', '/id'],
    ['NUL in a source', { ...labelled, source: 'a\0b' }, 'EVENT_INVALID', '/source'],
    [
      'an endless prediction_id',
      { label: 'a', prediction_id: 'p'.repeat(257) },
      'EVENT_INVALID',
      '/prediction_id',
    ],
    ['another model', { ...labelled, model: 'other' }, 'EVENT_WRONG_MODEL', '/model'],
    ['weight 0', { ...labelled, weight: 0 }, 'EVENT_INVALID', '/weight'],
    ['weight 1001', { ...labelled, weight: 1001 }, 'EVENT_INVALID', '/weight'],
    ['weight "1"', { ...labelled, weight: '1' }, 'EVENT_INVALID', '/weight'],
    ['a time without zone', { ...labelled, time: '2026-11-24T10:00:00' }, 'EVENT_INVALID', '/time'],
    ['February 30', { ...labelled, time: '2026-02-30T10:00:00Z' }, 'EVENT_INVALID', '/time'],
    ['month 13', { ...labelled, time: '2026-13-24T10:00:00Z' }, 'EVENT_INVALID', '/time'],
    ['an input list', { input: [], label: 'a' }, 'EVENT_INVALID', '/input'],
    [
      'text and features',
      { input: { text: 'a', features: [1] }, label: 'a' },
      'EVENT_INVALID',
      '/input',
    ],
    ['numeric text', { input: { text: 5 }, label: 'a' }, 'EVENT_INVALID', '/input/text'],
    ['an empty string', { input: '', label: 'a' }, 'INPUT_EMPTY', '/input'],
    ['a number for an input', { input: 0, label: 'a' }, 'EVENT_INVALID', '/input'],
    ['false for an input', { input: false, label: 'a' }, 'EVENT_INVALID', '/input'],
    ['a text of fillers', { input: '\u3164\u115f', label: 'a' }, 'INPUT_EMPTY', '/input'],
    ['blank text', { input: { text: ' \u200b\n\0' }, label: 'a' }, 'INPUT_EMPTY', '/input/text'],
    [
      'long text',
      { input: { text: 'a'.repeat(10_001) }, label: 'a' },
      'INPUT_TOO_LONG',
      '/input/text',
    ],
    ['the other kind', { input: { features: [1] }, label: 'a' }, 'INPUT_WRONG_KIND', '/input'],
    ['no features', { input: { features: [] }, label: 'a' }, 'INPUT_EMPTY', '/input/features'],
    [
      'too many features',
      { input: { features: Array(4097).fill(1) }, label: 'a' },
      'INPUT_TOO_LONG',
      '/input/features',
    ],
    [
      'a null feature',
      { input: { features: [1, null] }, label: 'a' },
      'FEATURES_INVALID',
      '/input/features/1',
    ],
    [
      'a feature beyond 32 bits',
      { input: { features: [1e39] }, label: 'a' },
      'FEATURE_TOO_LARGE',
      '/input/features/0',
    ],
    [
      'a feature that is too large',
      { input: { features: { age: 3, income: -1.1e15 } }, label: 'a' },
      'FEATURE_TOO_LARGE',
      '/input/features/income',
    ],
    [
      'features that are all missing',
      { input: { features: { age: null } }, label: 'a' },
      'INPUT_EMPTY',
      '/input/features',
    ],
    [
      'a nested feature',
      { input: { features: { 'a/b': {} } }, label: 'a' },
      'FEATURES_INVALID',
      '/input/features/a~1b',
    ],
  ])('%s', (_name, value, code, pointer) => {
    const error = thrown(() => parse(value, { model: 'sentiment', reads: [text] }))
    const kindless = code.startsWith('FEATURES') || pointer.includes('features')
    const seen = kindless ? thrown(() => parse(value)) : error
    expect([seen.code, seen.details.pointer]).toEqual([code, pointer])
  })

  test.each<[string, string | Uint8Array, string]>([
    ['no JSON', '{"a":', 'EVENT_MALFORMED'],
    ['nothing', '', 'EVENT_MALFORMED'],
    ['NaN', '{"input":{"features":[NaN]},"label":"a"}', 'EVENT_MALFORMED'],
    ['two documents', '{} {}', 'EVENT_MALFORMED'],
    [
      'bytes that are no UTF-8',
      Uint8Array.from([123, 34, 0xff, 34, 58, 49, 125]),
      'EVENT_MALFORMED',
    ],
    ['an infinite feature', '{"input":{"features":[1e999]},"label":"a"}', 'FEATURES_INVALID'],
    ['a message over the limit', `"${'a'.repeat(65_536)}"`, 'EVENT_TOO_LARGE'],
    ['33 levels', `{"a":${deep(32)}}`, 'EVENT_TOO_DEEP'],
    ['30,000 levels', deep(30_000), 'EVENT_TOO_DEEP'],
    ['brackets that never close', '['.repeat(60_000), 'EVENT_TOO_DEEP'],
    ['__proto__', '{"a":[{"__proto__":{"admin":true}}]}', 'EVENT_FORBIDDEN_KEY'],
    ['an escaped __proto__', String.raw`{"\u005f_proto__":1}`, 'EVENT_FORBIDDEN_KEY'],
    ['constructor', '{"input":{"features":{"constructor":1}},"label":"a"}', 'EVENT_FORBIDDEN_KEY'],
  ])('%s', (_name, text, code) => {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
    expect(thrown(() => parseEvent(bytes, defaultLimits, context)).code).toBe(code)
  })
})

test('brackets inside strings are not depth', () => {
  const text = String.raw`"${'['.repeat(50)}\"${'{'.repeat(50)}\\"`
  const bytes = `{"input":{"text":${text}},"label":"a"}`
  expect(parseEvent(new TextEncoder().encode(bytes), defaultLimits, context).signal).toEqual({
    kind: 'label',
    label: 'a',
  })
})

test('emoji count as one character', () => {
  const text = '🙂'.repeat(10_000)
  expect(parse({ input: { text }, label: 'a' }).input).toEqual({ kind: 'text', text })
})

function endsCoded(bytes: Uint8Array): void {
  try {
    parseEvent(bytes, defaultLimits, { ...context, model: 'm', onUnknownKey: () => {} })
  } catch (error) {
    expect(error).toBeInstanceOf(CodedError)
    expect(Object.keys(errorTable)).toContain((error as CodedError).code)
  }
}

test('whatever the bytes, nothing but a coded error is thrown', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), endsCoded), { numRuns: runs(1000) })
})

test('whatever the JSON, nothing but a coded error is thrown', () => {
  const anything = fc.jsonValue({ maxDepth: 6 })
  const some = (value: unknown) => fc.oneof(fc.constant(value), anything)
  const event = fc.record(
    {
      id: some('e'),
      source: some('s'),
      model: some('m'),
      input: fc.oneof(
        anything,
        fc.record({ text: some('t'), features: some([1]) }, { requiredKeys: [] }),
      ),
      prediction_id: some('p'),
      label: some('a'),
      rating: some(1),
      correction: some('a'),
      retract: some(true),
      weight: some(2),
      time: some('2026-11-24T10:00:00Z'),
      specversion: some('1.0'),
      data: anything,
      data_base64: some('e30='),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(anything, event), (value) => endsCoded(encode(value))),
    { numRuns: runs(2000) },
  )
})

describe('a refusal says what to write instead:', () => {
  test.each([
    [{ input, lable: 'a' }, 'it has "lable": did you mean "label"?'],
    [{ input, values: 3, lebal: 'a' }, 'it has "lebal": did you mean "label"?'],
    [{ prediction_id: 'p-1', rate: 1 }, 'it has "rate": did you mean "rating"?'],
    [{ input, Label: 'a' }, 'it has "Label": did you mean "label"?'],
  ])('%j', (event, hint) => {
    expect(thrown(() => parse(event)).message).toContain(hint)
  })

  test('nothing where no key comes near', () => {
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`key-${at}`, at]))
    const webhook = { action: 'ANNOTATION_CREATED', annotation: {}, task: {}, project: {} }
    for (const event of [{ input, ...many }, webhook])
      expect(thrown(() => parse(event)).message).toMatch(/, retract$/)
  })

  test.each([
    [{ input: { features: {} }, label: 'a' }, /one feature that is not null/],
    [{ retract: true }, /its id or prediction_id/],
  ])('%j', (event, fix) => {
    expect(thrown(() => parse(event)).fix).toMatch(fix)
  })
})

describe('a model that learns numbers', () => {
  const ofNumbers = { signals: [valueKind] }

  test.each([
    [{ value: 3.2 }, 3.2],
    [{ correction: -1e9 }, -1e9],
    [{ value: 0, label: null, rating: null }, 0],
  ])('%j says a value', (said, value) => {
    const { signal } = parse({ input, ...said }, ofNumbers)
    expect(signal).toEqual({ kind: 'value', value })
  })

  test.each([
    [{ label: 'positive' }, 'SIGNAL_UNSUPPORTED', 'send one of value, correction, retract'],
    [{ rating: 1 }, 'SIGNAL_UNSUPPORTED', 'send one of value, correction, retract'],
    [{ value: '3.2' }, 'VALUE_INVALID', '"value": 3.2'],
    [{ correction: 'positive' }, 'VALUE_INVALID', '"value": 3.2'],
    [{ value: 1e300 }, 'VALUE_INVALID', '1e15'],
    [{ value: 1, label: 'a' }, 'EVENT_INVALID', 'keep one of value, label'],
    [{}, 'EVENT_INVALID', ''],
  ])('%j is refused as %s, with its fix', (said, code, fix) => {
    const error = thrown(() => parse({ prediction_id: 'p', ...said }, ofNumbers))
    expect(error.code).toBe(code)
    expect(fixOf(error)).toContain(fix)
  })

  test('another value under the same id is another lesson', () => {
    const digest = (value: number) => signalDigest(parse({ input, value }, ofNumbers))
    expect(digest(1)).toBe(digest(1))
    expect(digest(1)).not.toBe(digest(2))
  })
})

test('a value says nothing to a model that learns labels', () => {
  const onUnknownKey = (key: string) => unknown.push(key)
  const unknown: string[] = []
  expect(parse({ ...labelled, value: 3 }, { onUnknownKey }).signal.kind).toBe('label')
  expect(unknown).toEqual(['value'])
  expect(thrown(() => parse({ input, value: 3 })).code).toBe('EVENT_INVALID')
})

describe('an input of a kind that needs room', () => {
  const picture: InputKind = {
    name: 'picture',
    summary: 'a picture',
    example: '',
    read: (value) => ({ kind: 'picture', picture: value }),
    schema: () => ({}),
    bytes: ({ features = 0 }) => 10 * features,
  }
  const reads = [text, picture]
  const room = 10 * defaultLimits.features
  const of = (length: number) => 'a'.repeat(length)
  const codeOf = (event: object, kinds = reads) =>
    thrown(() => parse({ label: 'a', ...event }, { reads: kinds })).code

  test('makes its own event so much longer, and no other', () => {
    const most = defaultLimits.event_bytes + room
    const empty = encode({ label: 'a', input: { picture: '' } }).length
    const largest = { input: { picture: of(most - empty) } }
    expect(parse({ label: 'a', ...largest }, { reads }).input?.kind).toBe('picture')
    expect(codeOf({ input: { picture: of(most - empty + 1) } })).toBe('EVENT_TOO_LARGE')
    expect(codeOf(largest, [text])).toBe('EVENT_TOO_LARGE')
    expect(codeOf({ input, note: of(defaultLimits.event_bytes) })).toBe('EVENT_TOO_LARGE')
    expect(codeOf({ prediction_id: 'p', note: of(defaultLimits.event_bytes) })).toBe(
      'EVENT_TOO_LARGE',
    )
  })

  test.each([NaN, Infinity, -1, 0.5])('adds none if it says %s', (bytes) => {
    const broken = { ...picture, bytes: () => bytes }
    const event = { input: { picture: of(defaultLimits.event_bytes) } }
    expect(codeOf(event, [broken])).toBe('EVENT_TOO_LARGE')
  })
})
