import { expect, test } from 'vitest'
import { StepTimes } from '../../src/trainer/process/health.ts'

const LEAST_MS = 10_000

test('a trainer that makes a step may be silent for ten of the longest so far, and not less than without a step', () => {
  const steps = new StepTimes()
  const report = (step: number | undefined, nowMs: number) =>
    steps.reported({ model: 'm', ...(step !== undefined && { learning: { step, of: 3 } }) }, nowMs)
  expect(steps.quietMs(LEAST_MS)).toBe(LEAST_MS)
  report(1, 0)
  // Nothing is known of a first step.
  expect(steps.quietMs(LEAST_MS)).toBe(60_000)
  report(2, 4000)
  expect(steps.quietMs(LEAST_MS)).toBe(40_000)
  expect(steps.since('m')).toBe(4000)
  // The same step again is no progress.
  report(2, 9000)
  expect([steps.since('m'), steps.quietMs(LEAST_MS)]).toEqual([4000, 40_000])
  report(3, 11_000)
  expect(steps.quietMs(LEAST_MS)).toBe(70_000)
  report(undefined, 12_000)
  expect([steps.since('m'), steps.quietMs(LEAST_MS)]).toEqual([undefined, LEAST_MS])
  // The next update knows the longest step.
  report(1, 20_000)
  expect(steps.quietMs(LEAST_MS)).toBe(70_000)
})

test('a step of one model holds up the others in its process, and a quick step is no reason to hurry', () => {
  const steps = new StepTimes()
  for (const [model, stepMs] of [
    ['slow', 8000],
    ['quick', 5],
  ] as const) {
    steps.reported({ model, learning: { step: 1, of: 2 } }, 0)
    steps.reported({ model, learning: { step: 2, of: 2 } }, stepMs)
  }
  expect(steps.quietMs(LEAST_MS)).toBe(80_000)
  steps.reported({ model: 'slow' }, 9000)
  expect(steps.quietMs(LEAST_MS)).toBe(LEAST_MS)
  steps.clear()
  expect(steps.since('quick')).toBeUndefined()
})
