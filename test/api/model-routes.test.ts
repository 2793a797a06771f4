import { expect, test } from 'vitest'
import { rejection } from '../coded.ts'
import { openServed } from './open-served.ts'
import { manifestOf } from '../serving/fake-registry.ts'

test('a model is shown as the server and its trainer know it', async () => {
  const { app } = await openServed()
  const expected = {
    model: 'm',
    base: 'fake',
    method: 'lora',
    task: 'classification',
    score: { name: 'accuracy', meaning: 'share of the answers that were right' },
    headline: {
      ...{ name: 'accuracy', meaning: 'share of the answers that were right' },
      ...{ better: 'higher', recent: 0.8, all: 0.75 },
    },
    labels: ['no', 'yes'],
    reads: [
      {
        ...{ name: 'text', example: 'what a lovely phone' },
        summary: 'a text, for a base that reads texts',
      },
    ],
    signals: [
      {
        ...{ name: 'label', summary: 'the right label of an input', about: 'input' },
        words: { label: 'string' },
      },
      {
        ...{ name: 'rating', summary: 'thumbs up or down for an answer', about: 'answer' },
        words: { rating: 'integer' },
      },
    ],
    live: {
      version: 'v1',
      digest: 'digest-v1',
      generation: 2,
      since: '1970-01-01T00:00:00.000Z',
      previous: 'v0',
      by: 'trainer',
      reason: 'better',
    },
    trainer: { state: 'idle', pid: 4321, restarts: 0 },
    lag: 3,
    pending: 2,
    counts: { accepted: 10, duplicates: 1, learned: 8, rejected: 4, waiting: 5 },
    prequential: { count: 8, accuracy: 0.75, accuracy_recent: 0.8, loss: 0.5 },
  }
  const created = Math.floor(Date.parse(expected.live.since) / 1000)
  const listed = { id: 'm', object: 'model', created, owned_by: 'antikythera' }
  expect((await app.inject('/v1/models/m')).json()).toEqual({ ...expected, ...listed })
  expect((await app.inject('/v1/models')).json()).toEqual({
    ...{ models: [expected], object: 'list', data: [listed] },
  })
})

test('the example of an input is one that this model takes', async () => {
  const { app } = await openServed({
    example: { input: { text: 'Wo ist mein Paket?' }, says: { label: 'yes' } },
  })
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({
    reads: [{ name: 'text', example: 'Wo ist mein Paket?' }],
  })
})

test('a trainer that failed is shown with its code, and the server stays ready', async () => {
  const { app } = await openServed({
    trainer: { state: 'failed', code: 'SOURCE_FAILED', message: 'no broker' },
  })
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({
    trainer: { state: 'failed', restarts: 0, code: 'SOURCE_FAILED', message: 'no broker' },
  })
  expect((await app.inject('/readyz')).statusCode).toBe(200)
})

test('what waits in a source that cannot be read is unknown, not 0', async () => {
  const counts = { records: 0, bytes: 0, rebalances: 0, refused: 0, lag: 0 }
  const missing = { ...counts, code: 'SOURCE_MISSING', message: 'no such file' }
  const { app } = await openServed({ trainer: { sources: { reviews: missing, more: counts } } })
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({ lag_unknown: ['reviews'] })
  const well = await openServed({ trainer: { sources: { more: counts } } })
  expect((await well.app.inject('/v1/models/m')).json()).not.toHaveProperty('lag_unknown')
})

test('a version that could not be served is shown, beside the one that goes on', async () => {
  const { app, registry, live } = await openServed()
  registry.corrupt('v3')
  await rejection(live.swap(await registry.promote('v3')))
  expect((await app.inject('/v1/models/m')).json()).toMatchObject({
    live: { version: 'v1', generation: 2 },
    failed_swap: { version: 'v3', code: 'VERSION_CORRUPT', message: 'v3 was altered' },
  })
})

test('versions are listed newest first, the live one and the removed ones marked', async () => {
  const { app, registry } = await openServed()
  registry.remove('v2')
  const { versions } = (await app.inject('/v1/models/m/versions')).json<{
    versions: { version: string; live: boolean; removed: boolean }[]
  }>()
  expect(versions.map(({ version }) => version)).toEqual(['v5', 'v4', 'v3', 'v2', 'v1', 'v0'])
  expect(versions.filter(({ live }) => live).map(({ version }) => version)).toEqual(['v1'])
  expect(versions.filter(({ removed }) => removed).map(({ version }) => version)).toEqual(['v2'])
})

test('versions come in pages, each of which says where the next one begins', async () => {
  const { app } = await openServed()
  const page = async (query: string) => {
    const answer = (await app.inject(`/v1/models/m/versions${query}`)).json<{
      versions: { version: string }[]
      next?: string
    }>()
    return [answer.versions.map(({ version }) => version).join(' '), answer.next]
  }
  expect(await page('?limit=4')).toEqual(['v5 v4 v3 v2', 'v2'])
  expect(await page('?limit=4&before=v2')).toEqual(['v1 v0', undefined])
  expect(await page('?limit=6')).toEqual(['v5 v4 v3 v2 v1 v0', undefined])
  // A cursor whose version is gone goes on meaning its place.
  expect(await page('?before=v3-import')).toEqual(['v3 v2 v1 v0', undefined])
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'limit=1&limit=2', 'befor=v1'])
    expect((await app.inject(`/v1/models/m/versions?${query}`)).statusCode).toBe(400)
})

test('moves come in pages, newest first, each with its reason', async () => {
  const { app, registry } = await openServed()
  await registry.promote('v4')
  const page = async (query: string) =>
    (await app.inject(`/v1/models/m/history${query}`)).json<{
      moves: { version: string; reason: string; by: string }[]
      next?: string
    }>()
  const first = await page('?limit=2')
  expect(first.moves.map(({ version }) => version)).toEqual(['v4', 'v1'])
  expect(first.moves[0]).toMatchObject({ reason: 'better', by: 'trainer', generation: 3 })
  expect(first.next).toBe('2')
  const last = await page('?limit=2&before=2')
  expect([last.moves.map(({ version }) => version), last.next]).toEqual([['v0'], undefined])
  for (const query of ['before=x', 'before=', 'limit=1000'])
    expect((await app.inject(`/v1/models/m/history?${query}`)).statusCode).toBe(400)
})

test('each move says until when it held, also across pages', async () => {
  const { app, registry } = await openServed()
  const times: number[] = []
  for (const [at, version] of ['v2', 'v3', 'v4'].entries()) {
    Object.assign((await registry.promote(version)) as object, { sinceMs: 60_000 * (at + 1) })
    times.push(60_000 * (at + 1))
  }
  const periods = async (query: string) =>
    (await app.inject(`/v1/models/m/history${query}`))
      .json<{ moves: { version: string; since: string; until?: string }[] }>()
      .moves.map(({ version, since, until }) => [version, since, until])
  const [one, two, three] = times.map((time) => new Date(time).toISOString())
  expect(await periods('?limit=2')).toEqual([
    ['v4', three, undefined],
    ['v3', two, three],
  ])
  const [v2, v1] = await periods('?limit=2&before=4')
  expect(v2).toEqual(['v2', one, two])
  expect(v1?.[2]).toBe(one)
  // A cursor beyond the newest move.
  expect((await periods('?before=99'))[0]).toEqual(['v4', three, undefined])
})

test('a pin is put and taken away, and shown with its version', async () => {
  const { app } = await openServed()
  const call = async (method: 'PUT' | 'DELETE', version: string) => {
    const url = `/v1/models/m/versions/${version}/pin`
    return (await app.inject({ method, url })).json<Record<string, unknown>>()
  }
  const pinned = async () => {
    const { versions } = (await app.inject('/v1/models/m/versions')).json<{
      versions: { version: string; pinned: boolean }[]
    }>()
    return versions.filter((version) => version.pinned).map(({ version }) => version)
  }
  expect(await call('PUT', 'v2')).toEqual({ version: 'v2', pinned: true, pins: ['v2'] })
  expect(await call('PUT', 'v2')).toEqual({ version: 'v2', pinned: true, pins: ['v2'] })
  expect(await pinned()).toEqual(['v2'])
  expect(await call('DELETE', 'v2')).toEqual({ version: 'v2', pinned: false, pins: [] })
  expect(await pinned()).toEqual([])
  for (const method of ['PUT', 'DELETE'] as const)
    expect(await call(method, 'v99')).toMatchObject({ status: 404, code: 'VERSION_UNKNOWN' })
})

test('one version is found by its key, and no list is read for it', async () => {
  const { app, registry } = await openServed()
  registry.list = async () => expect.unreachable('the list of all versions')
  expect((await app.inject('/v1/models/m/versions/v1')).statusCode).toBe(200)
  const unknown = await app.inject('/v1/models/m/versions/v99')
  expect(unknown.json()).toMatchObject({ status: 404, code: 'VERSION_UNKNOWN' })
})

test('one version is shown with its lineage, its scores and why it was promoted', async () => {
  const { app } = await openServed()
  const { created, scores } = manifestOf('m', 1)
  expect((await app.inject('/v1/models/m/versions/v1')).json()).toEqual({
    version: 'v1',
    digest: 'digest-v1',
    parent: 'v0',
    created,
    events: 16,
    events_new: 16,
    steps: 1,
    labels: ['no', 'yes'],
    scores,
    decision: 'promote',
    reason: 'promotion: always',
    span: [{ source: 'http', partition: '0', from: '0', to: '16' }],
    live: true,
    removed: false,
    pinned: false,
  })
})

test.each([
  ['/v1/models/nobody', 'MODEL_UNKNOWN'],
  ['/v1/models/nobody/versions', 'MODEL_UNKNOWN'],
  ['/v1/models/nobody/versions/v1', 'MODEL_UNKNOWN'],
  ['/v1/models/__proto__', 'MODEL_UNKNOWN'],
  ['/v1/models/m/versions/v99', 'VERSION_UNKNOWN'],
  ['/v1/models/m/versions/..%2Fv1', 'VERSION_UNKNOWN'],
  ['/v1/models/m/nothing', 'ROUTE_UNKNOWN'],
  ['/nothing', 'ROUTE_UNKNOWN'],
  [`/v1/models/${'m'.repeat(200)}`, 'MODEL_UNKNOWN'],
])('GET %s is 404 %s', async (url, code) => {
  const { app } = await openServed()
  const response = await app.inject(url)
  expect(response.json()).toMatchObject({ status: 404, code })
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8')
})

test.each(['predict', 'feedback', 'rollback', 'promote'])(
  'POST %s of a model that is not there is 404',
  async (route) => {
    const { app } = await openServed()
    const body = {
      predict: { inputs: ['A'] },
      feedback: { input: 'A', label: 'yes' },
      rollback: { reason: 'r' },
      promote: { version: 'v1', reason: 'r' },
    }[route]
    const url = `/v1/models/nobody/${route}`
    const response = await app.inject({ method: 'POST', url, payload: body ?? {} })
    expect(response.json()).toMatchObject({ status: 404, code: 'MODEL_UNKNOWN', models: ['m'] })
  },
)

test('a model is shown with the version that is live in the headers too', async () => {
  const { app } = await openServed()
  const shown = {
    'x-antikythera-version': 'v1',
    'x-antikythera-digest': 'digest-v1',
    'x-antikythera-generation': '2',
  }
  expect((await app.inject('/v1/models/m')).headers).toMatchObject(shown)
  const taught = { method: 'POST', url: '/v1/models/m/feedback' } as const
  const payload = { input: { text: 'A' }, label: 'yes' }
  expect((await app.inject({ ...taught, payload })).headers).toMatchObject(shown)
})

test('two versions are compared', async () => {
  const { app } = await openServed()
  const answer = await app.inject('/v1/models/m/versions/v0/compare/v1')
  expect(answer.json()).toMatchObject({
    from: 'v0',
    to: 'v1',
    differs: [],
    steps: expect.any(Number) as number,
  })
  expect((await app.inject('/v1/models/m/versions/v0/compare/v9')).json()).toMatchObject({
    code: 'VERSION_UNKNOWN',
  })
})
