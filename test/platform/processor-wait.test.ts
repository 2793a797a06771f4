import { expect, test } from 'vitest'
import { longestWaitMs, processorWaits } from '../../src/platform/processor-wait.ts'

test.runIf(process.platform === 'linux')(
  'this process has waited for a processor, and never less than before',
  () => {
    const before = processorWaits(process.pid)
    expect(before.has(String(process.pid))).toBe(true)
    expect(longestWaitMs(before, processorWaits(process.pid))).toBeGreaterThanOrEqual(0)
  },
)

test('a process that has ended has waited for nothing', () => {
  expect(processorWaits(2 ** 30).size).toBe(0)
})

test('the thread that waited longest counts, a new one from its start', () => {
  const before = new Map([
    ['1', 100],
    ['2', 50],
  ])
  const now = new Map([
    ['1', 130],
    ['2', 90],
    ['3', 35],
  ])
  expect(longestWaitMs(before, now)).toBe(40)
})
