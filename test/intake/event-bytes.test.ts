import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eventBytes, inboxEntry } from '../../src/intake/event-bytes.ts'
import { parseEvent } from '../../src/intake/validate.ts'
import { defaultLimits } from '../../src/runtime/limits.ts'
import { thrown } from '../coded.ts'

const parse = (value: unknown) =>
  parseEvent(new TextEncoder().encode(JSON.stringify(value)), defaultLimits, { source: 'http' })

const forbidden = ['__proto__', 'constructor', 'prototype']
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => text.trim() !== '' && !forbidden.includes(text))
const number = fc.float({ noNaN: true, noDefaultInfinity: true })
const features = fc.oneof(
  fc.array(number, { minLength: 1, maxLength: 5 }),
  fc.dictionary(name, fc.oneof(number, name), { minKeys: 1, maxKeys: 5 }),
)
const message = fc.record(
  {
    id: name,
    source: name,
    model: name,
    input: fc.oneof(
      name.map((text) => ({ text })),
      features.map((some) => ({ features: some })),
    ),
    prediction_id: name,
    weight: fc.double({ min: 0.001, max: 1000, noNaN: true }),
    time: fc.date({ min: new Date(0), noInvalidDate: true, max: new Date(4e12) }),
    extra: name,
  },
  { requiredKeys: ['prediction_id'] },
)
const lesson = fc.oneof(
  name.map((label) => ({ label })),
  name.map((correction) => ({ correction })),
  fc.constantFrom({ rating: 1 }, { rating: -1 }, { retract: true }),
)

test('the trainer reads from the inbox the very event that was accepted', () => {
  fc.assert(
    fc.property(message, lesson, (some, said) => {
      const event = parse({ ...some, ...said })
      const again = parseEvent(eventBytes(event), defaultLimits, { source: 'other', timeMs: 5 })
      expect(again).toEqual({ ...event, timeMs: event.timeMs ?? 5 })
    }),
    { numRuns: 500 },
  )
})

test('a retraction is another message than the event whose id it carries', () => {
  const entry = (said: object) => inboxEntry(parse({ id: 'e', input: 'x', ...said }), defaultLimits)
  expect(entry({ retract: true }).id).not.toBe(entry({ label: 'a' }).id)
  expect(entry({ retract: true }).id).toBe(entry({ retract: true }).id)
})

test('what grows over the limit when it is written out is refused before it is accepted', () => {
  const text = `{"input":{"features":[${Array(4000).fill('1e20').join(',')}]},"label":"a"}`
  const event = parseEvent(new TextEncoder().encode(text), defaultLimits, { source: 'http' })
  expect(thrown(() => inboxEntry(event, defaultLimits)).code).toBe('EVENT_TOO_LARGE')
})
