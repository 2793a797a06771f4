import { expect, test } from 'vitest'
import { openServed, type ServedOptions } from './open-served.ts'

const arm = (count: number, errors: number) => ({ count, errors })
const trial = {
  version: 'v3',
  stage: { kind: 'canary', share: 0.5 },
  by: 'policy',
  isOwn: true,
  reason: 'released',
  candidate: arm(8, 2),
  live: arm(0, 0),
  compared: 0,
  agreed: 0,
  waiting: 'v5',
} as const

async function open(options: ServedOptions = {}) {
  const served = await openServed(options)
  const post = (path: string, payload: object, headers = {}) =>
    served.app.inject({ method: 'POST', url: `/v1/models/m/${path}`, payload, headers })
  const get = async (path = '') => (await served.app.inject(`/v1/models/m${path}`)).json<object>()
  return { ...served, post, get }
}

const half = { version: 'v3', share: 0.5, reason: 'try it' }

test('a canary answers its share from the answer of the route on, and the history names it', async () => {
  const { post, get } = await open()
  const response = await post('canary', half)
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({
    live: 'v1',
    generation: 3,
    canary: { version: 'v3', digest: 'digest-v3', share: 0.5 },
  })
  const seen = new Map<string, unknown>()
  for (let user = 0; user < 40; user += 1) {
    const asked = await post('predict', { inputs: ['A'], key: `user-${user}` })
    const { version, arm } = asked.json<{ version: string; arm?: string }>()
    seen.set(version, arm)
    const again = await post('predict', { inputs: ['A'] }, { 'x-antikythera-key': `user-${user}` })
    expect(again.json()).toMatchObject({ version })
    expect(again.headers['x-antikythera-version']).toBe(version)
  }
  expect(seen).toEqual(
    new Map([
      ['v1', undefined],
      ['v3', 'canary'],
    ]),
  )
  expect(await get('/history')).toMatchObject({
    moves: [{ version: 'v1', by: 'canary', canary: { version: 'v3', share: 0.5 } }, {}, {}],
  })
  expect(await get()).toMatchObject({ live: { version: 'v1', canary: { version: 'v3' } } })
})

test('a rollback without a target ends the canary, and the next one goes further back', async () => {
  const { post, registry } = await open()
  await post('canary', half)
  expect((await post('rollback', { reason: 'complaints' })).json()).toMatchObject({ live: 'v1' })
  expect(await registry.live()).not.toHaveProperty('canary')
  expect((await post('rollback', { reason: 'complaints' })).json()).toMatchObject({ live: 'v0' })
})

test('a promotion of the canary finishes it', async () => {
  const { post, registry } = await open()
  await post('canary', half)
  expect((await post('promote', { version: 'v3', reason: 'good' })).json()).toMatchObject({
    live: 'v3',
    previous: 'v1',
  })
  expect(await registry.live()).not.toHaveProperty('canary')
})

test('a shadow takes the place of a canary; it is never returned, and ends by its route', async () => {
  const { post, registry } = await open()
  await post('canary', half)
  expect((await post('shadow', { version: 'v4', reason: 'compare' })).json()).toEqual({
    live: 'v1',
    generation: 4,
    shadow: { version: 'v4', digest: 'digest-v4' },
  })
  for (let times = 0; times < 20; times += 1)
    expect((await post('predict', { inputs: ['A'] })).json()).toMatchObject({ version: 'v1' })
  expect((await post('shadow/end', { reason: 'seen' })).json()).toEqual({
    live: 'v1',
    generation: 5,
  })
  expect((await registry.live())?.by).toBe('shadow')
  expect((await post('shadow/end', { reason: 'again' })).json()).toMatchObject({ generation: 5 })
})

test.each([
  ['canary', { ...half, version: 'v9' }, 404, 'VERSION_UNKNOWN'],
  ['canary', { ...half, version: 'v1' }, 400, 'ROUTING_INVALID'],
  ['canary', { ...half, share: 1 }, 400, 'REQUEST_INVALID'],
  ['canary', { version: 'v3', share: 0.5 }, 400, 'REQUEST_INVALID'],
  ['canary/end', {}, 400, 'REQUEST_INVALID'],
])('%s %j changes nothing', async (path, body, status, code) => {
  const { post, registry } = await open()
  const response = await post(path, body)
  expect(response.json()).toMatchObject({ status, code })
  expect((await registry.live())?.generation).toBe(2)
})

test('a canary whose bytes are damaged is refused before anything moves', async () => {
  const { post, registry } = await open()
  registry.corrupt('v3')
  const torn = {
    status: 503,
    code: 'VERSION_CORRUPT',
    fix: expect.stringContaining('another version') as string,
  }
  expect((await post('canary', half)).json()).toMatchObject(torn)
  expect((await post('shadow', { version: 'v3', reason: 'r' })).json()).toMatchObject(torn)
  expect((await registry.live())?.generation).toBe(2)
})

test('the model shows the trial as its trainer reports it, and a scrape has its errors', async () => {
  const { get, app } = await open({ trainer: { trial } })
  expect(await get()).toMatchObject({
    trial: {
      version: 'v3',
      kind: 'canary',
      share: 0.5,
      by: 'policy',
      candidate: { judged: 8, error: 0.25 },
      live: { judged: 0, error: null },
      waiting: 'v5',
    },
  })
  const scraped = (await app.inject('/metrics')).body
  expect(scraped).toContain('antikythera_trial_error{model="m",arm="candidate"} 0.25')
  expect(scraped).toContain('antikythera_trial_judged_answers{model="m",arm="live"} 0')
  expect(scraped).not.toContain('antikythera_trial_error{model="m",arm="live"}')
})

test('a key that is too long is refused', async () => {
  const { post } = await open()
  const key = 'k'.repeat(257)
  for (const response of [
    await post('predict', { inputs: ['A'], key }),
    await post('predict', { inputs: ['A'] }, { 'x-antikythera-key': key }),
  ])
    expect(response.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})
