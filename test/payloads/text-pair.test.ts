/** Two texts in one input: a second key makes a pair of a text. */
import { expect, test } from 'vitest'
import type { Json } from '../../src/contracts/core.ts'
import { readInput } from '../../src/intake/events/fields.ts'
import { signalDigest } from '../../src/intake/events/event-key.ts'
import { text } from '../../src/payloads/inputs/text.ts'
import { textPair } from '../../src/payloads/inputs/text-pair.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { thrown } from '../coded.ts'

const read = (value: Json) => readInput(value, defaultLimits, '/input', [textPair, text])

test('one text stays a text, and two are a pair', () => {
  expect(read('a')).toEqual({ kind: 'text', text: 'a' })
  expect(read({ text: 'a' })).toEqual({ kind: 'text', text: 'a' })
  expect(read({ text: 'a', text_pair: null })).toEqual({ kind: 'text', text: 'a' })
  const pair = { kind: 'text_pair', text: 'a', text_pair: 'b' }
  expect(read({ text_pair: 'b', text: 'a' })).toEqual(pair)
})

test.each<[string, Json, string, string]>([
  ['without the first', { text_pair: 'b' }, 'PAIR_INVALID', '/input/text'],
  ['with a number', { text: 'a', text_pair: 3 }, 'PAIR_INVALID', '/input/text_pair'],
  ['with a list', { text: ['a'], text_pair: 'b' }, 'PAIR_INVALID', '/input/text'],
  ['with nothing visible', { text: 'a', text_pair: '\u200b' }, 'INPUT_EMPTY', '/input/text_pair'],
  [
    'with one too long',
    { text: 'a'.repeat(10_001), text_pair: 'b' },
    'INPUT_TOO_LONG',
    '/input/text',
  ],
  ['beside features', { text: 'a', text_pair: 'b', features: [1] }, 'EVENT_INVALID', '/input'],
])('a pair %s is refused at its place', (_, value, code, pointer) => {
  const error = thrown(() => read(value))
  expect(error.code).toBe(code)
  expect(error.details.pointer).toBe(pointer)
})

test('a base of texts refuses a pair by name, and a base of pairs a text', () => {
  const pair = { text: 'a', text_pair: 'b' }
  expect(thrown(() => readInput(pair, defaultLimits, '/input', [text])).message).toContain(
    'the base reads text, but the input is text_pair',
  )
  expect(thrown(() => readInput('a', defaultLimits, '/input', [textPair])).code).toBe(
    'INPUT_WRONG_KIND',
  )
})

test('which text is the first is part of what an event says', () => {
  const digest = (one: string, other: string) =>
    signalDigest({
      ...{ signal: { kind: 'label', label: 'same' }, weight: 1 },
      input: { kind: 'text_pair', text: one, text_pair: other },
    })
  expect(digest('a', 'b')).not.toBe(digest('b', 'a'))
  expect(digest('a', 'b')).toBe(digest('a', 'b'))
  expect(digest('ab', 'c')).not.toBe(digest('a', 'bc'))
})
