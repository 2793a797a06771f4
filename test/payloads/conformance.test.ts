/** The battery over each kind of the tables, and what stored data depend on. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { withModule } from '../../src/config/plugins/own-plugins.ts'
import { builtIn } from '../../src/config/schema/plugin-table.ts'
import type { Json } from '../../src/contracts/core.ts'
import type { FeedbackEvent } from '../../src/contracts/event.ts'
import type { EncodedRow } from '../../src/contracts/network.ts'
import { signalDigest } from '../../src/intake/events/event-key.ts'
import { headerOf, isSameRow, rowOf } from '../../src/payloads/rows.ts'
import { defaultLimits } from '../../src/platform/limits.ts'
import { inputs, signals } from '../../src/plugins.ts'
import { thrown } from '../coded.ts'
import { inputConformance, signalConformance } from '../conformance/payload.ts'

const taught: Readonly<Record<keyof typeof signals, readonly Json[]>> = {
  label: ['a', 'b', 'ä ö'],
  labels: [[], ['a'], ['a', 'b']],
  yes_no: [
    { yes: ['a'], no: ['b'] },
    { yes: ['b'], no: ['a'] },
  ],
  value: [0, 1, -2.5],
  completion: ['yes', 'no'],
  preference: [
    { chosen: 'a', rejected: 'b' },
    { chosen: 'b', rejected: 'a' },
  ],
  answers: [
    [
      { text: 'a', reward: 1 },
      { text: '', reward: 0 },
    ],
    [
      { text: 'a', reward: 0 },
      { text: 'b', reward: 0.5, finish_reason: 'length' },
      { text: 'c', reward: 0 },
    ],
  ],
  spans: [
    [],
    [{ start: 0, end: 2, label: 'a' }],
    [{ start: 0, end: 2, label: 'a', text: 'hi' }],
    [
      { start: 0, end: 2, label: 'a' },
      { start: 2, end: 3, label: 'b' },
    ],
  ],
  add_spans: [[{ start: 0, end: 2, label: 'a' }], [{ start: 0, end: 2, label: 'b' }]],
  remove_spans: [[{ start: 0, end: 2 }], [{ start: 0, end: 2, label: 'b' }]],
  rating: [1, -1],
  reward: [
    { item: 'a', reward: 1 },
    { item: 'b', reward: 1 },
    { item: 'a', reward: 0 },
    { item: 'a', reward: 0, propensity: 0.5 },
  ],
  shown: ['a', 'b'],
}

for (const kind of Object.values(inputs)) inputConformance(kind)
for (const [name, kind] of Object.entries(signals))
  signalConformance(kind, taught[name as keyof typeof signals])

describe('of a user’s own, as the daemon calls them:', async () => {
  const all = withModule(
    builtIn,
    fileURLToPath(new URL('../integration/stranger.mjs', import.meta.url)),
  )
  const base = await all.bases.grey!.open({})
  for (const kind of base.reads) inputConformance(kind)
  const task = all.tasks.several!.open({ tags: [] }, {})
  for (const kind of task.view.signals) signalConformance(kind, [['a'], ['a', 'b']])
})

test.each<[number, Partial<FeedbackEvent>]>([
  [53462088, { input: { kind: 'text', text: 'hi' }, signal: { kind: 'label', label: 'a' } }],
  [
    1260310258,
    { input: { kind: 'features', features: [0.5, 1] }, signal: { kind: 'value', value: 3.5 } },
  ],
  [
    2981439281,
    {
      input: { kind: 'features', features: { b: 1, a: 'x' } },
      signal: { kind: 'value', value: -0.25 },
    },
  ],
  [
    1249273995,
    {
      input: { kind: 'messages', messages: [{ role: 'user', content: 'hi' }] },
      signal: { kind: 'completion', text: 'yes', corrects: false },
    },
  ],
  [3478948173, { predictionId: 'p', signal: { kind: 'completion', text: 'yes', corrects: true } }],
  [3551949322, { predictionId: 'p', signal: { kind: 'preference', chosen: 'a', rejected: 'b' } }],
  [2392987339, { predictionId: 'p', signal: { kind: 'rating', rating: -1 } }],
  [568601822, { signal: { kind: 'retract', anySource: true } }],
])('digest %i, which inboxes and checkpoints keep, stays that of its event', (digest, event) => {
  expect(signalDigest({ weight: 1, signal: { kind: '' }, ...event })).toBe(digest)
})

test.each<[string, EncodedRow]>([
  ['vector', { data: Float32Array.of(0.5, -0, 1e-45, 3e38) }],
  ['vector 2', { data: Float32Array.of(0.5, -0, 1e-45, 3e38), positions: 2 }],
  ['tokens', { data: Int32Array.of(0, 7, -1) }],
  ['tokens', { data: new Int32Array() }],
  ['tokens pair 2', { data: Int32Array.of(5, 6, 7), secondFrom: 2 }],
  ['tokens 2:1', { data: Int32Array.of(1, 2), sequences: [{ length: 2, answerFrom: 1 }] }],
  [
    'tokens compared 2:1 1:0',
    {
      data: Int32Array.of(1, 2, 3),
      sequences: [
        { length: 2, answerFrom: 1 },
        { length: 1, answerFrom: 0 },
      ],
      isCompared: true,
    },
  ],
])('a row whose header is `%s` comes back from its header and its bytes', (header, row) => {
  const { buffer } = row.data.slice()
  expect(headerOf(row)).toBe(header)
  const back = rowOf(header, buffer.slice())
  expect(back).toEqual(row)
  expect(new Uint8Array(back.data.buffer)).toEqual(new Uint8Array(buffer))
  expect(isSameRow(back, row)).toBe(true)
})

test('a header that does not fit its bytes is reported', () => {
  for (const header of ['tokens 3:1', 'tokens pair 3', 'vector 3', 'vector 0', 'pixels', ''])
    expect(thrown(() => rowOf(header, new ArrayBuffer(8))).code).toBe('STORE_CORRUPT')
})

test.each<[string, Json, string, string]>([
  ['overlapping', [span(0, 5), span(3, 6)], '/spans/1', '3–6 overlaps 0–5'],
  ['empty', [span(3, 3)], '/spans/0', '3–3 is empty'],
  ['turned around', [span(3, 1)], '/spans/0', 'end is the first character behind'],
  ['before the text', [span(-1, 1)], '/spans/0/start', 'code points'],
  ['in the middle of a character', [span(0, 1.5)], '/spans/0/end', 'code points'],
  ['without a label', [{ start: 0, end: 1 }], '/spans/0/label', 'missing: a span has a label'],
  ['without an end', [{ start: 0, label: 'a' }], '/spans/0/end', 'missing: a whole number'],
  ['one span', span(0, 1), '/spans', 'not a list'],
])('spans that are %s are refused at their place', (_, value, pointer, message) => {
  const error = thrown(() => signals.spans.read(value, defaultLimits, '/spans', 'spans'))
  expect(error.code).toBe('SPANS_INVALID')
  expect(error.details.pointer).toBe(pointer)
  expect(error.message).toContain(message)
})

function span(start: number, end: number): Json {
  return { start, end, label: 'a' }
}
