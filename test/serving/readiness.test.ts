/** When a daemon says that its models answer, and which of them never will. */
import { expect, test } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import { explained, untilServing } from '../../src/serving/services/faults.ts'
import type { ServedModel, TrainerView } from '../../src/serving/services/served-model.ts'
import { openInstantClock } from '../trainer/world.ts'

const trainer = { status: () => ({ state: 'idle' }) } as unknown as TrainerView

function model(name: string, live: () => unknown, parts: readonly string[] = []): ServedModel {
  const faults = () => parts.map((part) => ({ part, code: 'VERSION_FOREIGN', message: 'another' }))
  return { name, live: { live }, faults } as unknown as ServedModel
}

test('a model that never will answer is not waited for, and named', async () => {
  let asked = 0
  const late = model('late', () => ((asked += 1) > 3 ? {} : undefined))
  const broken = model('broken', () => undefined, ['model'])
  const { signal } = new AbortController()
  const wait = untilServing([late, broken], trainer, openInstantClock(), signal)
  expect(await wait).toEqual(['broken'])
})

test('a model without an answer, with a trainer that has failed, says how to fix that and not to wait', () => {
  const error = failure('NOT_READY', 'model m has no version loaded yet')
  const report = { state: 'failed', code: 'BASE_MISSING', message: 'no such folder' } as const
  expect(explained(error, 'm', report as never)).toMatchObject({
    code: 'NOT_READY',
    message: expect.stringMatching(
      /yet, because its trainer has failed: .*no such folder$/,
    ) as string,
    fix: expect.stringContaining('models pull') as string,
  })
})
