/** When a request to forget counts as done on a daemon. */
import { describe, expect, test } from 'vitest'
import { openForgetService } from '../../src/serving/services/forget-service.ts'
import { failure } from '../../src/platform/errors.ts'
import { openInstantClock } from '../trainer/world.ts'

type Model = Parameters<typeof openForgetService>[0]
type Pages = Parameters<typeof openForgetService>[1]
type Around = Parameters<typeof openForgetService>[2]

const around = (trainer: Around['trainer'], clock = openInstantClock()): Around => ({
  ...{ trainer, clock },
  limits: { wait_for_ms: 1000 },
})

function serviceAt(live: { generation: number }, certificate: object) {
  const pages = {
    forgetTasks: async () => [],
    certificates: async () => [certificate],
    certificate: async () => certificate,
  } as unknown as Pages
  const pointer = () => ({ pointer: live })
  const registry = { history: async () => [] }
  const model = { name: 'm', live: { live: pointer }, registry } as unknown as Model
  const trainer = { status: () => ({ state: 'idle' }) } as unknown as Around['trainer']
  return openForgetService(model, pages, around(trainer))
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

function waiting({
  tasks = [],
  status = { state: 'idle' },
}: {
  tasks?: object[]
  status?: object
}) {
  const move = (request: string) => ({ reason: 'a wish', asks: { forget: { request } } })
  const moves = [
    { reason: 'bad labels' },
    move('20260102000000-c'),
    move('20260101000000-b'),
    move('20250101000000-a'),
  ]
  const pages = {
    forgetTasks: async () => tasks,
    certificates: async () => [{ request: '20250601000000-0' }],
    certificate: async () => undefined,
  } as unknown as Pages
  const registry = { history: async () => moves }
  const model = { name: 'm', live: { live: () => undefined }, registry } as unknown as Model
  const trainer = { status: () => status } as unknown as Around['trainer']
  return openForgetService(model, pages, around(trainer))
}

test('it is shown as asked from the answer on, before the trainer has read it', async () => {
  const service = waiting({ tasks: [{ asked: { request: '20260101000000-b' }, stage: 'done' }] })
  const asked = { request: '20260102000000-c', state: 'asked', reason: 'a wish' }
  expect(await service.find('20260102000000-c')).toEqual(asked)
  expect((await service.list(9))[0]).toEqual(asked)
  expect(await service.list(9)).toHaveLength(2)
})

test('it is listed once, as on its way, while its certificate is written and the checkpoint has not said so', async () => {
  const request = '20250601000000-0'
  const service = waiting({ tasks: [{ asked: { request }, stage: 'rebuilding' }] })
  const listed = (await service.list(9)).filter((each) => each.request === request)
  expect(listed).toMatchObject([{ state: 'rebuilding' }])
})

test('one that was done long ago is not asked again where its certificate was removed', async () => {
  await expect(waiting({}).find('20250101000000-a')).rejects.toMatchObject({
    code: 'FORGET_UNKNOWN',
  })
})

test('what is left is said by the checkpoint that says how far it is, not by a report of before', async () => {
  const request = '20260101000000-b'
  const status = { state: 'idle', events: { states: { relearning: 0 } } }
  for (const [left, shown] of [
    [undefined, 12],
    [12, 12],
    [3, 3],
  ]) {
    const task = { asked: { request }, stage: 'rebuilding', again: 12, left }
    const found = await waiting({ tasks: [task], status }).find(request)
    expect(found).toMatchObject({ state: 'rebuilding', left: shown })
  }
})

test('while learning is paused, or waits for its budget, it says so', async () => {
  const tasks = [{ asked: { request: '20260101000000-b' }, stage: 'rebuilding' }]
  for (const [state, waitsFor] of [
    ['paused', 'resume'],
    ['budget', 'budget'],
    ['running', undefined],
  ]) {
    const found = await waiting({ tasks, status: { state } }).find('20260101000000-b')
    expect([found.state, found.waitsFor]).toEqual(['rebuilding', waitsFor])
  }
})

test('while the trainer has failed it says so, begun or not', async () => {
  const tasks = [{ asked: { request: '20260101000000-b' }, stage: 'rebuilding' }]
  const status = { state: 'failed', code: 'STORE_CORRUPT', message: 'a page is torn' }
  const service = waiting({ tasks, status })
  const blocked = { code: 'STORE_CORRUPT', message: 'a page is torn' }
  expect(await service.find('20260102000000-c')).toMatchObject({ state: 'asked', blocked })
  expect(await service.find('20260101000000-b')).toMatchObject({ state: 'rebuilding', blocked })
})

describe('where no daemon trains the model yet, as right after a restart,', () => {
  /** It begins after `refusals` questions. */
  function starting(refusals: number, state = 'starting') {
    let left = refusals
    const answer = <Value>(value: Value) => {
      return async () => {
        if (left-- > 0) throw failure('TRAINER_BUSY', 'm is trained by another daemon')
        return value
      }
    }
    const pages = {
      forgetTasks: answer([]),
      certificates: answer([]),
      certificate: answer({ request: 'r' }),
      forecast: answer({ again: 3 }),
    } as unknown as Pages
    const registry = { history: async () => [] }
    const model = { name: 'm', live: { live: () => undefined }, registry } as unknown as Model
    const trainer = { status: () => ({ state }) } as unknown as Around['trainer']
    const clock = openInstantClock()
    return { service: openForgetService(model, pages, around(trainer, clock)), clock }
  }

  test.each(['starting', 'standby'])('it waits for the trainer that is %s', async (state) => {
    const { service } = starting(2, state)
    expect(await service.forecast({ id: 'e' })).toEqual({ again: 3 })
    expect(await starting(2, state).service.list(9)).toEqual([])
    expect(await starting(2, state).service.find('r')).toMatchObject({ state: 'done' })
  })

  test('it says so after limits.wait_for_ms, and at once where none is coming', async () => {
    for (const [state, waitedMs] of [
      ['starting', 1000],
      ['failed', 0],
      ['running', 0],
    ] as const) {
      const { service, clock } = starting(Infinity, state)
      const busy = { code: 'TRAINER_BUSY' }
      await expect(service.ask({ id: 'e' }, 'a wish')).rejects.toMatchObject(busy)
      expect(clock.monotonicMs()).toBe(waitedMs)
    }
  })
})
