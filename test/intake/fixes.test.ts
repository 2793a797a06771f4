/** The fix is that of the fault, not one for everything with the same code. */
import { expect, test } from 'vitest'
import { CodedError } from '../../src/contracts/core.ts'
import { parseEvent } from '../../src/intake/events/validate.ts'
import { fixOf } from '../../src/platform/errors.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { thrown } from '../coded.ts'

const event = (fields: object) => JSON.stringify({ input: 'good', label: 'yes', ...fields })
const read = (bytes: Uint8Array) => parseEvent(bytes, defaultLimits, { source: 's' })
const fix = (bytes: Uint8Array) => fixOf(thrown(() => read(bytes)))

test.each([
  ['a weight below 0', event({ weight: -1 }), 'retract: true'],
  ['a time in seconds', event({ time: 1795719385 }), 'ISO 8601'],
  ['a number as id', event({ id: 7 }), 'a number goes in quotes'],
  ['a rating of five stars', JSON.stringify({ prediction_id: 'p', rating: 5 }), '1 (right)'],
  ['two lessons', event({ correction: 'no' }), 'keep one of label, correction'],
  ['a list of events', `[${event({})}]`, '{ "events": [...] }'],
  ['CSV', 'text,label', 'this looks like CSV'],
  ['CSV with a quoted text', 'it broke, twice;negative', 'this looks like CSV'],
  ['a dictionary of Python', "{'label': 'yes'}", 'json.dumps'],
  ['the first line of a pretty document', '{ "label": "yes",', 'each event on one line'],
])('%s names what to do about it', (_what, text, words) => {
  expect(fix(Buffer.from(text))).toContain(words)
})

test('UTF-16 is named, with and without its mark', () => {
  const text = Buffer.from(event({}), 'utf16le')
  expect(fix(text)).toContain('iconv')
  expect(fix(Buffer.concat([Buffer.from([0xff, 0xfe]), text]))).toContain('iconv')
})

test('a fault without a fix of its own has that of its code', () => {
  const error = new CodedError('LABEL_UNKNOWN', 'x')
  expect(fixOf(error)).toContain('labels: { open: true }')
})
