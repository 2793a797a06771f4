/** Questions of the server to a trainer process. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { type ToTrainer, Forecasts } from '../../src/trainer/process/messages.ts'

test('a fault of the trainer keeps its code, and whether to ask again', async () => {
  const asked: ToTrainer[] = []
  const forecasts = new Forecasts(systemClock, (message) => void asked.push(message))
  for (const [number, code, retriable] of [
    [1, 'TRAINER_BUSY', true],
    [2, 'STORE_CORRUPT', false],
  ] as const) {
    const found = forecasts.ask('m', { request: '', source: 's' })
    forecasts.answered({ kind: 'forecast', number, fault: { code, message: 'not now' } })
    await expect(found).rejects.toMatchObject({ code, retriable, message: 'not now' })
  }
  expect(asked).toMatchObject([
    { number: 1, model: 'm' },
    { number: 2, model: 'm' },
  ])
})
