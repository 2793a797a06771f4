import { expect, test } from 'vitest'
import { defaultLimits } from '../../src/platform/limits.ts'
import {
  openPredictionService,
  type PredictionOptions,
} from '../../src/serving/services/prediction-service.ts'
import { unknownStatus } from '../../src/trainer/contract.ts'
import { openFakeClock } from './fake-clock.ts'

test('a client that waits for its feedback is answered by the next report of the trainer, not by a timer', async () => {
  const waiting = new Set<(model: string) => void>()
  const learned: { generation?: number } = {}
  const report = (model: string) => {
    for (const each of waiting) each(model)
  }
  const service = openPredictionService({
    model: 'm',
    clock: openFakeClock(),
    limits: defaultLimits,
    live: { until: async () => Promise.resolve(true) } as unknown as PredictionOptions['live'],
    versions: {} as PredictionOptions['versions'],
    pages: {} as PredictionOptions['pages'],
    trainer: {
      status: (model) => ({ ...unknownStatus(model), restarts: 0 }),
      reached: () => learned.generation,
      onReport(callback) {
        waiting.add(callback)
        return () => waiting.delete(callback)
      },
    },
  })
  let isReached = false
  const reached = service
    .until({ position: { replica: undefined, offset: 1 } }, undefined)
    .then(() => {
      isReached = true
    })
  learned.generation = 3
  report('another')
  await new Promise(setImmediate)
  expect(isReached).toBe(false)
  report('m')
  await reached
  expect(waiting.size).toBe(0)
})
