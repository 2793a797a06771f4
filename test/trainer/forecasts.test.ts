/** Questions of the server to a trainer process. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { type ToTrainer, TrainerQuestions } from '../../src/trainer/process/messages.ts'

test('a fault of the trainer keeps its code, and whether to ask again', async () => {
  const asked: ToTrainer[] = []
  const questions = new TrainerQuestions(systemClock, (message) => void asked.push(message))
  for (const [number, code, retriable] of [
    [1, 'TRAINER_BUSY', true],
    [2, 'STORE_CORRUPT', false],
  ] as const) {
    const found = questions.ask('m', { call: 'forecast', asked: { request: '', source: 's' } })
    const details = { of: 8 }
    questions.answered({ kind: 'answer', number, fault: { code, message: 'not now', details } })
    await expect(found).rejects.toMatchObject({ code, retriable, message: 'not now', details })
  }
  expect(asked).toMatchObject([
    { number: 1, model: 'm' },
    { number: 2, model: 'm' },
  ])
})
