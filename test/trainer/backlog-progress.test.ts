import { expect, test } from 'vitest'
import type { Logger } from '../../src/contracts/core.ts'
import { BacklogProgress } from '../../src/trainer/status.ts'
import { silentLog } from './world.ts'

function open() {
  const said: object[] = []
  let nowMs = 5_000
  const log: Logger = { ...silentLog, info: (details) => void said.push(details) }
  const progress = new BacklogProgress({ clock: { monotonicMs: () => nowMs }, log })
  const after = (ms: number, consumed: number, lag: number) => {
    nowMs += ms
    progress.look(consumed, lag)
  }
  return { progress, said, after }
}

test('a backlog is shown with its rate and the time that it takes, and said every ten seconds', () => {
  const { progress, said, after } = open()
  after(0, 0, 100_000)
  expect(progress.shown).toBeUndefined()
  for (let second = 1; second <= 25; second += 1)
    after(1_000, 2_000 * second, 100_000 - 2_000 * second)
  expect(progress.shown).toEqual({ ratePerSecond: 2_000, etaSeconds: 25 })
  expect(said).toEqual([
    { lag: 80_000, rate: 2_000, eta_seconds: 40 },
    { lag: 60_000, rate: 2_000, eta_seconds: 30 },
  ])
})

test('a slow second lowers the rate a little, many of them to what they are', () => {
  const { progress, after } = open()
  after(0, 0, 50_000)
  after(1_000, 1_000, 50_000)
  after(1_000, 1_500, 50_000)
  expect(progress.shown?.ratePerSecond).toBeCloseTo(900)
  for (let second = 1; second <= 40; second += 1) after(1_000, 1_500 + 500 * second, 50_000)
  expect(progress.shown?.ratePerSecond).toBeCloseTo(500, 0)
})

test('what is left of a backlog is none, and the next one begins anew', () => {
  const { progress, after } = open()
  after(0, 0, 5_000)
  after(1_000, 4_500, 500)
  expect(progress.shown).toBeUndefined()
  after(60_000, 4_500, 9_000)
  expect(progress.shown).toBeUndefined()
  after(2_000, 10_500, 3_000)
  expect(progress.shown).toEqual({ ratePerSecond: 3_000, etaSeconds: 1 })
})

test('a standstill shows no time that it takes', () => {
  const { progress, after } = open()
  after(0, 0, 5_000)
  after(5_000, 0, 5_000)
  expect(progress.shown).toBeUndefined()
})
