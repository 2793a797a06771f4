/** Conversations as inputs, and answers as feedback: what is read, and what is refused with its place and its fix. */
import { rating } from '../../src/payloads/signals/rating.ts'
import { preference } from '../../src/payloads/signals/preference.ts'
import { answers } from '../../src/payloads/signals/answers.ts'
import { completion } from '../../src/payloads/signals/completion.ts'
import { messages as messagesInput } from '../../src/payloads/inputs/messages.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import { describe, expect, test } from 'vitest'
import { eventSchema } from '../../src/intake/description/event-schema.ts'
import type { EventContext } from '../../src/intake/events/validate.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { signalDigest } from '../../src/intake/events/event-key.ts'
import { fixOf } from '../../src/platform/errors.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { thrown } from '../coded.ts'

const texts: EventContext = {
  source: 's',
  reads: [text, messagesInput],
  signals: [completion, preference, answers, rating],
}
const parse = (event: object, context = texts, limits = defaultLimits) =>
  parseEvent(Buffer.from(JSON.stringify(event)), limits, context)

const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Where is my parcel?' },
]
const input = { messages }

test.each<[string, object, object]>([
  ['a completion', { completion: 'On its way.' }, { kind: 'completion', text: 'On its way.' }],
  ['a correction', { correction: 'Here.' }, { kind: 'completion', text: 'Here.', corrects: true }],
  [
    'a pair',
    { chosen: 'Sorry!', rejected: 'No.' },
    { kind: 'preference', chosen: 'Sorry!', rejected: 'No.' },
  ],
  [
    'answers with rewards',
    {
      answers: [
        { text: 'a', reward: -0, finish_reason: 'stop', index: 1 },
        { text: '', reward: 1, finish_reason: null },
        { text: 'b', reward: 0.5, finish_reason: 'length' },
      ],
    },
    {
      kind: 'answers',
      answers: [
        { text: 'a', reward: 0 },
        { text: '', reward: 1 },
        { text: 'b', reward: 0.5, finish_reason: 'length' },
      ],
    },
  ],
  [
    'white space',
    { completion: '  two\n\nlines ' },
    { kind: 'completion', text: '  two\n\nlines ' },
  ],
  ['half a surrogate pair', { completion: 'a\ud800' }, { kind: 'completion', text: 'a\ufffd' }],
])('%s is read as it is', (_what, fields, signal) => {
  expect(parse({ input, ...fields })).toMatchObject({
    signal,
    input: { kind: 'messages', messages },
  })
})

test('a language model also reads texts, and a rating names its answer', () => {
  expect(parse({ input: 'Once upon', completion: ' a time' }).input).toEqual({
    kind: 'text',
    text: 'Once upon',
  })
  expect(parse({ prediction_id: 'p', rating: -1 }).signal).toEqual({ kind: 'rating', rating: -1 })
  expect(parse({ prediction_id: 'p', chosen: 'a', rejected: 'b' }).predictionId).toBe('p')
})

describe('refused by code and place:', () => {
  const chat = (...all: unknown[]) => ({ input: { messages: all }, completion: 'a' })
  const hi = { role: 'user', content: 'hi' }
  const fine = { text: 'a', reward: 1 }
  const rewarded = (...all: unknown[]) => ({ input, answers: all })
  test.each<[string, object, string, string]>([
    [
      'an unknown role',
      chat({ ...hi, role: 'tool' }),
      'MESSAGES_INVALID',
      '/input/messages/0/role',
    ],
    ['no role', chat(hi, { content: 'x' }), 'MESSAGES_INVALID', '/input/messages/1/role'],
    ['no content', chat({ role: 'user' }), 'MESSAGES_INVALID', '/input/messages/0/content'],
    ['parts', chat({ ...hi, content: [] }), 'MESSAGES_INVALID', '/input/messages/0/content'],
    ['a text as message', chat('hi'), 'MESSAGES_INVALID', '/input/messages/0'],
    [
      'no list',
      { input: { messages: hi }, completion: 'a' },
      'MESSAGES_INVALID',
      '/input/messages',
    ],
    ['no message', chat(), 'INPUT_EMPTY', '/input/messages'],
    ['blank messages', chat({ ...hi, content: ' \n' }), 'INPUT_EMPTY', '/input/messages'],
    ['257 messages', chat(...Array<object>(257).fill(hi)), 'INPUT_TOO_LONG', '/input/messages'],
    [
      'long messages together',
      chat({ ...hi, content: 'a'.repeat(6000) }, { ...hi, content: 'b'.repeat(6000) }),
      'INPUT_TOO_LONG',
      '/input/messages',
    ],
    [
      'text beside messages',
      { input: { ...input, text: 'a' }, completion: 'a' },
      'EVENT_INVALID',
      '/input',
    ],
    ['features', { input: { features: [1] }, completion: 'a' }, 'INPUT_WRONG_KIND', '/input'],
    ['a blank completion', { input, completion: ' \u200b' }, 'COMPLETION_INVALID', '/completion'],
    ['an empty correction', { input, correction: '' }, 'COMPLETION_INVALID', '/correction'],
    ['a number', { input, completion: 7 }, 'COMPLETION_INVALID', '/completion'],
    [
      'a long one',
      { input, chosen: 'a'.repeat(10_001), rejected: 'b' },
      'COMPLETION_INVALID',
      '/chosen',
    ],
    ['equal sides', { input, chosen: 'a', rejected: 'a' }, 'PREFERENCE_INVALID', '/rejected'],
    ['chosen alone', { input, chosen: 'a' }, 'PREFERENCE_INVALID', '/rejected'],
    ['rejected alone', { input, rejected: 'a' }, 'PREFERENCE_INVALID', '/chosen'],
    [
      'a pair and a completion',
      { input, chosen: 'a', rejected: 'b', completion: 'c' },
      'EVENT_INVALID',
      '/chosen',
    ],
    [
      'a pair and a rating',
      { prediction_id: 'p', chosen: 'a', rejected: 'b', rating: 1 },
      'EVENT_INVALID',
      '/rating',
    ],
    ['one answer', rewarded({ text: 'a', reward: 1 }), 'ANSWERS_INVALID', '/answers'],
    [
      'seventeen answers',
      rewarded(...Array<object>(17).fill({ text: 'a', reward: 1 })),
      'ANSWERS_INVALID',
      '/answers',
    ],
    ['no list of answers', { input, answers: 'a' }, 'ANSWERS_INVALID', '/answers'],
    ['an answer as a text', rewarded(fine, 'a'), 'ANSWERS_INVALID', '/answers/1'],
    [
      'an answer without a text',
      rewarded({ reward: 1 }, fine),
      'COMPLETION_INVALID',
      '/answers/0/text',
    ],
    [
      'an answer without a reward',
      rewarded(fine, { text: 'b' }),
      'ANSWERS_INVALID',
      '/answers/1/reward',
    ],
    [
      'a reward above 1',
      rewarded(fine, { text: 'b', reward: 1.5 }),
      'ANSWERS_INVALID',
      '/answers/1/reward',
    ],
    [
      'another end',
      rewarded(fine, { text: 'b', reward: 1, finish_reason: 'eos' }),
      'ANSWERS_INVALID',
      '/answers/1/finish_reason',
    ],
    [
      'a cut answer of nothing',
      rewarded(fine, { text: '', reward: 0, finish_reason: 'length' }),
      'ANSWERS_INVALID',
      '/answers/1/text',
    ],
    ['a label', { input, label: 'a' }, 'SIGNAL_UNSUPPORTED', '/label'],
    ['a pair about nothing', { chosen: 'a', rejected: 'b' }, 'EVENT_INVALID', ''],
    ['nothing said', { input }, 'EVENT_INVALID', ''],
  ])('%s', (_what, event, code, pointer) => {
    const error = thrown(() => parse(event))
    expect([error.code, error.details.pointer]).toEqual([code, pointer])
    expect(fixOf(error)).not.toBe('')
  })

  test('messages for a base that reads texts alone', () => {
    const error = thrown(() => parse({ input, label: 'a' }, { source: 's', reads: [text] }))
    expect(error).toMatchObject({ code: 'INPUT_WRONG_KIND', details: { pointer: '/input' } })
  })
})

test('the digest of an event tells its texts and messages apart', () => {
  const digest = (event: object) => signalDigest(parse(event))
  const all = [
    { input, completion: 'a' },
    { input, correction: 'a' },
    { input, completion: 'b' },
    { input, chosen: 'a', rejected: 'b' },
    { input, chosen: 'b', rejected: 'a' },
    { input: { messages: messages.slice(1) }, completion: 'a' },
    { input: 'Where is my parcel?', completion: 'a' },
  ].map(digest)
  expect(new Set(all).size).toBe(all.length)
  expect(digest({ input, completion: 'a' })).toBe(all[0])
})

test('the schema of an event describes messages, completions, pairs and answers', () => {
  const text = { type: 'string' }
  const properties = {
    completion: text,
    correction: text,
    chosen: text,
    rejected: text,
    rating: {},
  }
  const part = { properties: {} }
  const schemas = {
    answer: part,
    event: { properties },
    facts: part,
    stratum: part,
    quality: part,
    brief: part,
  }
  const schema = eventSchema({ signals: texts.signals!, schemas }, defaultLimits)
  expect(schema.oneOf).toEqual([
    { required: ['completion'] },
    { required: ['chosen', 'rejected'] },
    { required: ['answers'] },
    { required: ['correction'] },
    { required: ['rating'] },
    { required: ['retract'] },
  ])
  const { completion, input: described } = schema.properties as Record<string, object>
  expect(completion).toMatchObject({ maxLength: defaultLimits.text_characters })
  expect(JSON.stringify(described)).toContain('"messages"')
})
