/** When a request to forget counts as done on a daemon. */
import { expect, test } from 'vitest'
import type { ForgetPages } from '../../src/checkpoint/forget-pages.ts'
import { openForgetService } from '../../src/serving/services/forget-service.ts'
import { systemClock } from '../../src/platform/clock.ts'

type Model = Parameters<typeof openForgetService>[0]
type Around = Parameters<typeof openForgetService>[1]

function serviceAt(live: { generation: number }, certificate: object) {
  const forgets = {
    tasks: () => [],
    certificates: () => [certificate],
    certificate: () => certificate,
  } as unknown as ForgetPages
  const pointer = () => ({ pointer: live })
  const model = { name: 'm', forgets, live: { live: pointer } } as unknown as Model
  const trainer = { status: () => ({ state: 'idle' }) } as unknown as Around['trainer']
  return openForgetService(model, { trainer, clock: systemClock })
}

test('it is done here when the routing that it ended with, or a later one, answers here', () => {
  const live = { generation: 6 }
  const service = serviceAt(live, { request: 'r', generation: 7 })
  expect(service.find('r')).toEqual({ request: 'r', state: 'rebuilding', left: 0 })
  expect(service.list(9)).toMatchObject([{ state: 'rebuilding' }])
  live.generation = 7
  expect(service.find('r')).toMatchObject({ state: 'done', certificate: { generation: 7 } })
  live.generation = 9
  expect(service.find('r')).toMatchObject({ state: 'done' })
})

test('a certificate of an earlier release, without a generation, is done', () => {
  expect(serviceAt({ generation: 1 }, { request: 'r' }).find('r')).toMatchObject({ state: 'done' })
})
