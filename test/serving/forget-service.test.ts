/** When a request to forget counts as done on a daemon. */
import { expect, test } from 'vitest'
import { openForgetService } from '../../src/serving/services/forget-service.ts'
import { systemClock } from '../../src/platform/clock.ts'

type Model = Parameters<typeof openForgetService>[0]
type Pages = Parameters<typeof openForgetService>[1]
type Around = Parameters<typeof openForgetService>[2]

function serviceAt(live: { generation: number }, certificate: object) {
  const pages = {
    forgetTasks: async () => [],
    certificates: async () => [certificate],
    certificate: async () => certificate,
  } as unknown as Pages
  const pointer = () => ({ pointer: live })
  const model = { name: 'm', live: { live: pointer } } as unknown as Model
  const trainer = { status: () => ({ state: 'idle' }) } as unknown as Around['trainer']
  return openForgetService(model, pages, { trainer, clock: systemClock })
}

test('it is done here when the routing that it ended with, or a later one, answers here', async () => {
  const live = { generation: 6 }
  const service = serviceAt(live, { request: 'r', generation: 7 })
  expect(await service.find('r')).toEqual({ request: 'r', state: 'rebuilding', left: 0 })
  expect(await service.list(9)).toMatchObject([{ state: 'rebuilding' }])
  live.generation = 7
  expect(await service.find('r')).toMatchObject({ state: 'done', certificate: { generation: 7 } })
  live.generation = 9
  expect(await service.find('r')).toMatchObject({ state: 'done' })
})

test('a certificate of an earlier release, without a generation, is done', async () => {
  const service = serviceAt({ generation: 1 }, { request: 'r' })
  expect(await service.find('r')).toMatchObject({ state: 'done' })
})
