import { describe, expect, test } from 'vitest'
import { metricTable } from '../../src/platform/metric-table.ts'
import { errorTable } from '../../src/platform/errors.ts'
import type { TrainerReport } from '../../src/serving/services/served-model.ts'
import { openServed } from './open-served.ts'

test('the process lives and is ready', async () => {
  const { app } = await openServed()
  expect((await app.inject('/livez')).json()).toEqual({ alive: true })
  for (const path of ['/readyz', '/health'])
    expect((await app.inject(path)).json()).toEqual({ ready: true })
})

test('a model whose trainer has failed or is silent is named, with its fix, and the daemon stays ready', async () => {
  const trainer = { state: 'failed', code: 'ADAPTER_INVALID', message: 'no such map' } as const
  const { app } = await openServed({ trainer })
  const response = await app.inject('/readyz')
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({
    ready: true,
    degraded: [{ model: 'm', ...trainer, fix: errorTable.ADAPTER_INVALID.fix }],
  })
  expect((await app.inject('/metrics')).body).toContain('antikythera_trainer_up{model="m"} 0\n')
})

test('so is one that works and cannot save', async () => {
  const trainer = { state: 'running', code: 'DISK_FULL', message: 'no space left' } as const
  const { app } = await openServed({ trainer })
  const degraded = [{ model: 'm', ...trainer, fix: errorTable.DISK_FULL.fix }]
  expect((await app.inject('/readyz')).json()).toEqual({ ready: true, degraded })
})

test('a checkpoint that cannot be copied to the fleet is named, with what makes it fit', async () => {
  const copyFault = { code: 'COPY_TOO_LARGE', message: 'it has 9 bytes' }
  const { app } = await openServed({ trainer: { copyFault } })
  const { fix } = errorTable.COPY_TOO_LARGE
  const degraded = [{ model: 'm', part: 'copy', ...copyFault, fix }]
  expect((await app.inject('/readyz')).json()).toEqual({ ready: true, degraded })
  expect(fix).toContain('fleet.copy_bytes')
})

test('feedback that a failed trainer would never learn is refused with its code, other feedback is kept', async () => {
  const post = async (trainer: Partial<TrainerReport>) => {
    const { app } = await openServed({ trainer })
    const payload = { input: 'good', label: 'yes' }
    return (
      await app.inject({ method: 'POST', url: '/v1/models/m/feedback', payload })
    ).json<object>()
  }
  const failed = { state: 'failed', message: 'no such map' } as const
  expect(await post({ ...failed, code: 'ADAPTER_INVALID' })).toMatchObject({
    code: 'ADAPTER_INVALID',
    detail: 'the trainer of m has failed, and would not learn this: no such map',
    fix: errorTable.ADAPTER_INVALID.fix,
  })
  expect(await post({ ...failed, code: 'DISK_FULL' })).toMatchObject({ accepted: 1 })
  expect(await post({ state: 'stalled', code: 'TRAINER_STALLED' })).toMatchObject({ accepted: 1 })
})

test('a wait for a trainer that has failed ends at once', async () => {
  const trainer = { state: 'failed', code: 'ADAPTER_INVALID' } as const
  const { app } = await openServed({ trainer, reached: () => undefined })
  const response = await app.inject('/v1/models/m?wait_for=7')
  expect(response.json()).toMatchObject({
    status: 504,
    code: 'POSITION_NOT_REACHED',
    trainer_code: 'ADAPTER_INVALID',
  })
})

test.each([
  ['GET', '/v1/models/m/predict', 'POST'],
  ['DELETE', '/v1/models/m', 'GET, HEAD'],
  ['PUT', '/v1/models/m/feedback', 'POST'],
  ['POST', '/readyz', 'GET, HEAD'],
  ['PATCH', '/metrics', 'GET, HEAD'],
] as const)('%s %s says which methods there are', async (method, url, allow) => {
  const { app } = await openServed()
  const response = await app.inject({ method, url })
  expect(response.json()).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' })
  expect(response.headers.allow).toBe(allow)
})

test('a problem names its place, its request and how to mend it', async () => {
  const { app } = await openServed()
  const response = await app.inject('/v1/models/nobody?secret=1')
  expect(response.json()).toEqual({
    type: 'urn:antikythera:error:MODEL_UNKNOWN',
    title: 'Model unknown',
    status: 404,
    code: 'MODEL_UNKNOWN',
    detail: 'there is no model "nobody"',
    instance: expect.stringMatching(/^\/v1\/models\/nobody#req-\w+$/) as string,
    fix: 'list the models with GET /v1/models; add a model under models: in the config',
    models: ['m'],
  })
})

test.each(['/%', '/v1/models/%E0%A4%A', '/v1/models/m%00'])(
  'the odd path %s is 4xx',
  async (url) => {
    const { app } = await openServed()
    const response = await app.inject(url)
    expect(Math.floor(response.statusCode / 100)).toBe(4)
    expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  },
)

describe('with tokens', () => {
  const tokens = ['first-token-of-16', 'other-token-of-16']
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

  test.each(['/v1/models', '/v1/models/m', '/metrics', '/v1/models/m/versions', '/nothing'])(
    '%s asks for one',
    async (url) => {
      const { app } = await openServed({ tokens })
      const response = await app.inject(url)
      expect(response.json()).toMatchObject({ status: 401, code: 'AUTH_REQUIRED' })
      expect(response.headers['www-authenticate']).toBe('Bearer')
    },
  )

  test.each([
    ['another scheme', { authorization: 'Basic first-token-of-16' }],
    ['a wrong token', bearer('wrong-token-of-16')],
    ['a part of a token', bearer('first-token-of-1')],
    ['two tokens', bearer('first-token-of-16 other-token-of-16')],
    ['an empty one', { authorization: 'Bearer ' }],
  ])('%s is refused', async (_what, headers) => {
    const { app } = await openServed({ tokens })
    expect((await app.inject({ url: '/v1/models', headers })).statusCode).toBe(401)
  })

  test('each of them opens every route', async () => {
    const { app } = await openServed({ tokens })
    for (const token of tokens)
      for (const url of ['/v1/models', '/metrics'])
        expect((await app.inject({ url, headers: bearer(token) })).statusCode).toBe(200)
  })

  test.each(['/livez', '/readyz', '/openapi.json', '/docs/', '/docs/json'])(
    '%s is open to all',
    async (url) => {
      const { app } = await openServed({ tokens })
      expect((await app.inject(url)).statusCode).toBe(200)
    },
  )

  test('a body is not even read without one', async () => {
    const { app } = await openServed({ tokens })
    const url = '/v1/models/m/feedback'
    const response = await app.inject({ method: 'POST', url, payload: 'x'.repeat(300_000) })
    expect(response.statusCode).toBe(401)
  })
})

test.each([
  '/v1/models/m%00',
  '/v1/models/m/versions?before=v%00',
  '/v1/models/m/versions/v%00',
  '/v1/models/m/dead-letters?before=%00',
  '/v1/models/m/dead-letters?code=A%00',
])('a NUL in the address is the fault of its sender: %s', async (url) => {
  const { app } = await openServed()
  expect((await app.inject(url)).json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})

test.each(['dead-letters', 'set-aside', 'quarantine', 'history'])(
  'a page of %s that begins at no number is the fault of who asks',
  async (list) => {
    const { app } = await openServed()
    for (const before of ['x', '1e400', '1.5', '-1'])
      expect((await app.inject(`/v1/models/m/${list}?before=${before}`)).json()).toMatchObject({
        ...{ status: 400, code: 'REQUEST_INVALID' },
      })
  },
)

test.each(['resend', 'drop'])('a NUL in the code of letters to %s is refused', async (what) => {
  const { app } = await openServed()
  const url = `/v1/models/m/dead-letters/${what}`
  const response = await app.inject({ method: 'POST', url, payload: { code: 'A\0B' } })
  expect(response.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})

describe('metrics', () => {
  test('every one of the table is there, and none besides', async () => {
    const { app } = await openServed()
    const response = await app.inject('/metrics')
    expect(response.headers['content-type']).toContain('text/plain')
    const names = [...response.body.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
    const table = Object.values(metricTable).map(({ name }) => name)
    expect(new Set(names)).toEqual(new Set(table))
  })

  test('requests are counted by route pattern and status, whatever the path', async () => {
    const { app } = await openServed()
    await app.inject({ method: 'POST', url: '/v1/models/m/predict', payload: { inputs: ['A'] } })
    for (const name of ['one', 'other']) await app.inject(`/v1/models/${name}`)
    for (const path of ['/x', '/y']) await app.inject(path)
    const text = (await app.inject('/metrics')).body
    const counted = (route: string, method: string, status: number) =>
      `antikythera_requests_total{route="${route}",method="${method}",status="${status}"}`
    expect(text).toContain(`${counted('/v1/models/:model/predict', 'POST', 200)} 1\n`)
    expect(text).toContain(`${counted('/v1/models/:model', 'GET', 404)} 2\n`)
    expect(text).toContain(`${counted('unknown', 'GET', 404)} 2\n`)
    expect(text).toMatch(/antikythera_request_seconds_count\{route="unknown",method="GET"\} 2\n/)
  })

  test('what the trainer says is there at the next scrape', async () => {
    const { app } = await openServed()
    const text = (await app.inject('/metrics')).body
    expect(text).toContain('antikythera_lag_events{model="m"} 3\n')
    expect(text).toContain('antikythera_pending_events{model="m"} 2\n')
    expect(text).toContain('antikythera_trainer_events{model="m",outcome="learned"} 8\n')
    expect(text).toContain(
      'antikythera_prequential_accuracy_ratio{model="m",window="recent"} 0.8\n',
    )
    expect(text).toContain('antikythera_steps{model="m"} 17\n')
    expect(text).toContain('antikythera_tensors{model="m"} 42\n')
    expect(text).toContain('antikythera_resident_bytes{process="trainer"} 400000000\n')
    expect(text).toContain('antikythera_inbox_events{model="m"} 0\n')
    expect(text).toMatch(/antikythera_build_info\{version="0.1.0",node="v\d+/)
    expect(text).toContain('antikythera_live_generation{model="m"} 2\n')
  })
})
