/** Since when a version is on trial, as seen by a server that looks now and then. */
import { expect, test } from 'vitest'
import { TrialAge } from '../../src/serving/services/trials.ts'
import type { Routing } from '../../src/versions/contract.ts'

const routing = (by: Routing['by'], generation: number, more: Partial<Routing> = {}) =>
  ({ by, generation, sinceMs: 1000 * generation, ...more }) as Routing
const shadow = { version: 'v3', digest: '' }
const canary = (share: number) => ({ canary: { version: 'v3', digest: '', share } })

test('a pause, or the same trial said twice, begins no stage; another share does', () => {
  const age = new TrialAge()
  expect(age.sinceMs(routing('canary', 4, canary(0.1)))).toBe(4000)
  expect(age.sinceMs(routing('canary', 5, canary(0.1)))).toBe(4000)
  expect(age.sinceMs(routing('pause', 9, canary(0.1)))).toBe(4000)
  expect(age.sinceMs(routing('trainer', 12, canary(1)))).toBe(12_000)
  expect(age.sinceMs(routing('promote', 13))).toBeUndefined()
})

test('a trial that ended and began again between two looks is a new one', () => {
  const age = new TrialAge()
  expect(age.sinceMs(routing('shadow', 4, { shadow }))).toBe(4000)
  expect(age.sinceMs(routing('shadow', 6, { shadow }))).toBe(6000)
})
