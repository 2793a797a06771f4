import { expect, test } from 'vitest'
import { changeText } from '../../src/trainer/updates/reason.ts'

test('a version says what it learned, why then, and what that changed', () => {
  const text = changeText({
    learned: 16,
    span: { http: { '0': ['0', '16'] } },
    cause: '16 of 16 examples are pending',
    before: 0.8125,
    after: 0.84,
  })
  expect(text).toBe(
    '16 events (http 0..16), 16 of 16 examples are pending; accuracy_recent .81 → .84',
  )
})

test.each([
  [{ learned: 1, span: {}, after: 1 }, '1 event; accuracy_recent 1.00'],
  [{ learned: 2, span: { 'kafka:t': { '3': ['', '7'] } } }, '2 events (kafka:t/3 start..7)'],
  [
    { learned: 0, span: {}, cause: 'memory', before: 0.5, after: 0 },
    'memory; accuracy_recent .50 → .00',
  ],
  [{ learned: 9, span: { 'file:f': { '0': ['7@ab.cd', '99@ab.ef'] } } }, '9 events (file:f 7..99)'],
  [
    { learned: 16, span: {}, hasRestarted: true, after: 0.5 },
    '16 events; fresh weights learned all stored examples (few_shot); accuracy_recent .50',
  ],
  [{ learned: 0, span: {} }, ''],
] as const)('%j reads %j', (change, text) => {
  expect(changeText(change)).toBe(text)
})

test('of many partitions a few are named', () => {
  const partitions = Object.fromEntries(
    Array.from({ length: 5 }, (_, at) => [String(at + 1), ['0', '1'] as const]),
  )
  expect(changeText({ learned: 5, span: { t: partitions } })).toBe(
    '5 events (t/1 0..1, t/2 0..1, t/3 0..1, 2 more)',
  )
})
