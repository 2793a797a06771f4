import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { table } from '../../src/cli/print.ts'
import { duration, openProgress } from '../../src/cli/progress.ts'
import { chunksOf, jsonLines } from '../../src/cli/feedback/read-lines.ts'
import type { Clock } from '../../src/contracts/core.ts'
import { fc, runs } from '../properties.ts'

test('without a terminal, a line every two seconds says share, count, rate and what is left', () => {
  let nowMs = 0
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} }
  const written: string[] = []
  const progress = openProgress({
    clock,
    unit: 'events',
    isTerminal: false,
    write: (text) => written.push(text),
  })
  for (nowMs = 500; nowMs <= 4000; nowMs += 500)
    progress.update({ done: nowMs, total: 16_000, items: nowMs / 10 })
  progress.end()
  expect(written).toEqual([
    '13 %, 200 events, 100/s, 14 s left\n',
    '25 %, 400 events, 100/s, 12 s left\n',
  ])
})

test('what has no known end tells no share and no rest', () => {
  let nowMs = 0
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} }
  const written: string[] = []
  const progress = openProgress({
    clock,
    unit: 'events',
    isTerminal: false,
    write: (text) => written.push(text),
  })
  nowMs = 2000
  progress.update({ done: 10, total: undefined, items: 6 })
  expect(written).toEqual(['6 events, 3/s\n'])
})

test.each([
  [0.4, '0 s'],
  [59.4, '59 s'],
  [75, '1 min 15 s'],
  [3599.7, '1 h 0 min'],
  [7260, '2 h 1 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

test('columns are as wide as their widest cell, and nothing trails', () => {
  expect(table([['a', 'bb', 'c'], ['aaa', '', ''], []])).toEqual(['a    bb  c', 'aaa', ''])
})

test('chunks hold every line that is not blank, once, in order, inside both limits', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !/[\n\r]/.test(text))
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 40 }), async (texts) => {
      const limits = { lines: 5, bytes: 40 }
      const chunks = []
      for await (const chunk of chunksOf(jsonLines(Readable.from([texts.join('\n')])), limits))
        chunks.push(chunk)
      const expected = texts
        .map((text, index) => ({ number: index + 1, text }))
        .filter(({ text }) => text.trim() !== '')
      expect(chunks.flatMap(({ lines }) => lines)).toEqual(expected)
      for (const { lines } of chunks) {
        const size = lines.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0)
        expect(lines.length).toBeLessThanOrEqual(limits.lines)
        expect(lines.length === 1 || size <= limits.bytes).toBe(true)
      }
    }),
    { numRuns: runs(200) },
  )
})

test('a line has its number of the editor too where lines end as on Windows and come in pieces', async () => {
  const numbers = []
  const pieces = ['{}\r\n', '{}\r\n\r\n{}\r\n', '{}']
  for await (const { number } of jsonLines(Readable.from(pieces))) numbers.push(number)
  expect(numbers).toEqual([1, 2, 4, 5])
})
