import { expect, test, vi } from 'vitest'
import { failure } from '../../src/platform/errors.ts'
import { classificationOf } from '../tasks/classification-of.ts'
import { settled } from '../serving/fake-clock.ts'
import type { FakeEngine } from '../serving/fake-engine.ts'
import { openFakeRegistry, versionOf } from '../serving/fake-registry.ts'
import { fakeTask } from '../serving/fake-base.ts'
import { openServed, type ServedOptions } from './open-served.ts'

async function open(options?: ServedOptions) {
  const served = await openServed(options)
  const ask = (payload: object | string, headers: Record<string, string> = {}) =>
    served.app.inject({
      method: 'POST',
      url: '/v1/models/m/predict',
      headers: { 'content-type': 'application/json', ...headers },
      payload,
    })
  return { ...served, ask }
}

/** The first request of an app takes as many turns as the framework likes. */
async function runsOf({ runs }: Pick<FakeEngine, 'runs'>, count: number): Promise<void> {
  await vi.waitUntil(() => runs.length === count, { timeout: 60_000, interval: 5 })
}

test('an answer names model, version, digest and generation, in body and headers', async () => {
  const { ask } = await open()
  const response = await ask({ inputs: ['A', { text: 'B' }] })
  expect(response.statusCode).toBe(200)
  expect(response.json()).toEqual({
    model: 'm',
    version: 'v1',
    digest: 'digest-v1',
    generation: 2,
    predictions: [
      { id: 'p-1', label: 'no', score: 1, scores: { row: 65 } },
      { id: 'p-2', label: 'no', score: 1, scores: { row: 66 } },
    ],
  })
  expect(response.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-antikythera-version': 'v1',
    'x-antikythera-digest': 'digest-v1',
    'x-antikythera-generation': '2',
  })
})

test('a text that was cut is said to be, with what was read and what was not', async () => {
  const { app, ask } = await open()
  const response = await ask({ inputs: ['A'.repeat(20), 'A'.repeat(16)] })
  const [cut, whole] = response.json<{ predictions: object[] }>().predictions
  expect(cut).toMatchObject({ truncated: true, tokens: { kept: 16, dropped: 4 } })
  expect(whole).not.toHaveProperty('truncated')
  expect(whole).not.toHaveProperty('tokens')
  const { body } = await app.inject('/metrics')
  expect(body).toContain('antikythera_truncated_texts_total{model="m",by="server"} 1\n')
})

test.each(['v\0', 'v1\0', '', '../v1', 'v\ud800', 'x'.repeat(1000)])(
  'a version that is no name, %j, is unknown',
  async (version) => {
    const { ask } = await open()
    const response = await ask({ inputs: ['A'], version })
    expect(response.json()).toMatchObject({ status: 404, code: 'VERSION_UNKNOWN' })
  },
)

test('a version by name answers, and no generation is claimed for it', async () => {
  const { ask } = await open()
  const response = await ask({ inputs: ['A'], version: 'v4' })
  expect(response.json()).toMatchObject({ version: 'v4', predictions: [{ score: 4 }] })
  expect(response.headers).not.toHaveProperty('x-antikythera-generation')
  expect(response.json()).not.toHaveProperty('generation')
})

test('the version that was live at a time answers; before the first there is none', async () => {
  const { app, registry, ask } = await open()
  registry.remove('v2')
  for (const [version, sinceMs] of Object.entries({ v4: 60_000, v2: 90_000, v5: 120_000 }))
    Object.assign((await registry.promote(version)) as object, { sinceMs })
  const at = async (time: string) =>
    (await ask({ inputs: ['A'], at: time })).json<{ version?: string; code?: string }>()
  expect(await at('1970-01-01T00:00:59.999Z')).toMatchObject({ version: 'v1' })
  expect(await at('1970-01-01T00:01:00Z')).toMatchObject({ version: 'v4' })
  expect(await at('1970-01-01T01:01:00+01:00')).toMatchObject({ version: 'v4' })
  expect(await at('1970-01-01T00:02:00Z')).toMatchObject({ version: 'v5' })
  expect(await at('2970-01-01T00:02:00Z')).not.toHaveProperty('generation')
  expect(await at('1969-12-31T23:59:59Z')).toMatchObject({
    status: 404,
    code: 'TIME_BEFORE_HISTORY',
  })
  expect(await at('1970-01-01T00:01:30Z')).toMatchObject({ status: 410, code: 'VERSION_REMOVED' })
  const byQuery = async (query: string, payload: object = {}) =>
    (
      await app.inject({
        method: 'POST',
        url: `/v1/models/m/predict?${query}`,
        payload: { inputs: ['A'], ...payload },
      })
    ).json<object>()
  expect(await byQuery('version=v3')).toMatchObject({ version: 'v3' })
  expect(await byQuery('at=1970-01-01T00:00:30Z')).toMatchObject({ version: 'v1' })
  for (const [query, payload] of [
    ['version=v3', { version: 'v1' }],
    ['version=v3&at=1970-01-01T00:00:30Z', {}],
    ['at=yesterday', {}],
    ['', { at: '1990-12-31T23:59:60Z' }],
  ] as const)
    expect(await byQuery(query, payload)).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
})

test.each([
  ['unknown', 'v99', 404, 'VERSION_UNKNOWN'],
  ['removed', 'v2', 410, 'VERSION_REMOVED'],
  ['altered', 'v3', 503, 'VERSION_CORRUPT'],
])('a version that is %s is refused by its code', async (_what, version, status, code) => {
  const { ask, registry } = await open()
  registry.remove('v2')
  registry.corrupt('v3')
  const response = await ask({ inputs: ['A'], version })
  expect(response.statusCode).toBe(status)
  expect(response.json()).toMatchObject({ status, code })
})

test('an answer with tens of thousands of scores arrives whole, in pieces', async () => {
  const names = Array.from({ length: 1024 }, (_, at) => `label "${at}"`)
  const decode = (logits: Float32Array) => {
    const row = logits[1] ?? 0
    const scores = Object.fromEntries(names.map((name) => [name, row / 1000]))
    return { label: names[0]!, score: row / 1000, scores }
  }
  const { ask } = await open({ live: { live: { task: { ...fakeTask, decode } } } })
  const inputs = Array.from({ length: 40 }, (_, at) => String.fromCodePoint(0x41 + at))
  const response = await ask({ inputs })
  const { predictions, version } = response.json<{
    version: string
    predictions: { id: string; label: string; score: number; scores: Record<string, number> }[]
  }>()
  expect([version, predictions.length]).toEqual(['v1', 40])
  expect(predictions.map(({ score }) => score)).toEqual(
    inputs.map((input) => input.codePointAt(0)! / 1000),
  )
  expect(predictions.map(({ scores }) => Object.keys(scores).length)).toEqual(
    inputs.map(() => 1024),
  )
  expect(response.headers).toMatchObject({
    'content-type': 'application/json; charset=utf-8',
    'x-antikythera-version': 'v1',
  })
  // In pieces: nobody has put it together to count it.
  expect(response.headers).not.toHaveProperty('content-length')
})

const long = 'a'.repeat(10_001)
const cases: readonly [string, object | string, number, string, object?][] = [
  ['no inputs', {}, 400, 'REQUEST_INVALID'],
  ['an empty list', { inputs: [] }, 400, 'REQUEST_INVALID'],
  ['too many inputs', { inputs: Array(257).fill('A') }, 400, 'REQUEST_INVALID'],
  ['inputs that are no list', { inputs: 'A' }, 400, 'REQUEST_INVALID'],
  ['an unknown key', { inputs: ['A'], modle: 'm' }, 400, 'REQUEST_INVALID'],
  ['a version that is no string', { inputs: ['A'], version: 1 }, 400, 'REQUEST_INVALID'],
  ['a body that is a list', ['A'], 400, 'REQUEST_INVALID'],
  ['a body that is null', 'null', 400, 'REQUEST_INVALID'],
  [
    'an input of an odd kind',
    { inputs: ['A', 7] },
    400,
    'REQUEST_INVALID',
    { pointer: '/inputs/1' },
  ],
  ['an empty object', { inputs: [{}] }, 400, 'REQUEST_INVALID', { pointer: '/inputs/0' }],
  ['an empty text', { inputs: [''] }, 400, 'INPUT_EMPTY', { pointer: '/inputs/0' }],
  ['a blank text', { inputs: [' \n\u200b'] }, 400, 'INPUT_EMPTY'],
  ['a huge text', { inputs: ['A', long] }, 413, 'INPUT_TOO_LONG', { pointer: '/inputs/1' }],
  ['features for a base of text', { inputs: [{ features: [1] }] }, 400, 'INPUT_WRONG_KIND'],
  ['features that are NaN', '{"inputs":[{"features":[1e999]}]}', 400, 'FEATURES_INVALID'],
  ['a nothing', '', 400, 'BODY_MALFORMED'],
  ['a torn document', '{"inputs":["A"', 400, 'BODY_MALFORMED'],
  ['a NaN', '{"inputs":[NaN]}', 400, 'BODY_MALFORMED'],
  ['a deep document', `{"inputs":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'EVENT_TOO_DEEP'],
  ['a very deep document', '['.repeat(100_000), 400, 'EVENT_TOO_DEEP'],
  ['a prototype', '{"inputs":[{"text":"A","__proto__":{}}]}', 400, 'EVENT_FORBIDDEN_KEY'],
  ['a constructor', '{"inputs":["A"],"constructor":{}}', 400, 'EVENT_FORBIDDEN_KEY'],
  ['a big body', JSON.stringify({ inputs: ['A'.repeat(300_000)] }), 413, 'BODY_TOO_LARGE'],
]

test.each(cases)('%s is refused by its code, and the next is answered', async (...args) => {
  const [, payload, status, code, details] = args
  const { ask } = await open()
  const response = await ask(payload)
  expect([response.statusCode, response.json<{ code: string }>().code]).toEqual([status, code])
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  expect(response.json()).toMatchObject({ type: `urn:antikythera:error:${code}`, ...details })
  expect((await ask({ inputs: ['A'] })).statusCode).toBe(200)
})

test('bad UTF-8 is refused, not replaced', async () => {
  const { app } = await open()
  const payload = Buffer.concat([
    Buffer.from('{"inputs":["'),
    Buffer.from([0xc3, 0x28]),
    Buffer.from('"]}'),
  ])
  const headers = { 'content-type': 'application/json' }
  const url = '/v1/models/m/predict'
  const response = await app.inject({ method: 'POST', url, headers, payload })
  expect(response.json()).toMatchObject({ status: 400, code: 'BODY_MALFORMED' })
})

test.each([
  ['text/plain', {}],
  ['application/xml', {}],
  ['application/x-ndjson', {}],
  ['application/x-www-form-urlencoded', {}],
  ['application/json', { 'content-encoding': 'br' }],
])('a body of type %s %j is refused by its type', async (type, headers) => {
  const { ask } = await open()
  const response = await ask('{"inputs":["A"]}', { 'content-type': type, ...headers })
  expect(response.json()).toMatchObject({ status: 415, code: 'BODY_TYPE_UNSUPPORTED' })
})

test('a full queue says 429 and when to come again, and what waits is answered', async () => {
  const { ask, engine, batcher } = await open({ live: { batcher: { queue: 1 } } })
  engine.hold()
  const running = ask({ inputs: ['A'] })
  await runsOf(engine, 1)
  const waiting = ask({ inputs: ['B'] })
  await expect.poll(() => batcher.waiting('m')).toBe(1)
  const refused = await ask({ inputs: ['C'] })
  expect(refused.json()).toMatchObject({ status: 429, code: 'QUEUE_FULL' })
  expect(refused.headers['retry-after']).toBe('1')
  engine.finish()
  await runsOf(engine, 2)
  engine.finish()
  expect([(await running).statusCode, (await waiting).statusCode]).toEqual([200, 200])
})

test('before the first version is there, the model is not ready', async () => {
  const { app, ask, registry } = await openUnready()
  expect((await ask()).json()).toMatchObject({ status: 503, code: 'NOT_READY' })
  expect((await app.inject('/readyz')).json()).toMatchObject({ code: 'NOT_READY', models: ['m'] })
  await registry.promote('v0')
  await settled()
  expect((await ask()).statusCode).toBe(200)
  expect((await app.inject('/readyz')).json()).toEqual({ ready: true })
})

async function openUnready() {
  const registry = openFakeRegistry('m', 1)
  registry.corrupt('v0')
  await registry.promote('v0')
  const served = await openServed({ live: { registry } })
  registry.repair('v0')
  const url = '/v1/models/m/predict'
  const ask = () => served.app.inject({ method: 'POST', url, payload: { inputs: ['A'] } })
  return { ...served, ask }
}

test('a model that has no label yet says so, and its answer can be named by the first feedback', async () => {
  const registry = openFakeRegistry('m', 0)
  await registry.publish(versionOf('m', 0, []))
  await registry.promote('v0')
  const { ask, served } = await open({ live: { registry } })
  const [prediction] = (await ask({ inputs: ['A'] })).json<{ predictions: object[] }>().predictions
  const nothing = { label: null, score: 0, scores: {}, code: 'NO_LABELS' }
  expect(prediction).toMatchObject({ id: 'p-1', ...nothing })
  expect(served.map(({ id }) => id)).toEqual(['p-1'])
})

test('a fault of ours is 500 without its text, and logged once with it', async () => {
  const { ask, engine, log } = await open()
  engine.hold()
  const asked = ask({ inputs: ['A'] })
  await runsOf(engine, 1)
  engine.finish(new Error('segmentation fault at 0xdead'))
  const response = await asked
  expect(response.json()).toMatchObject({ status: 500, code: 'INTERNAL' })
  expect(response.body).not.toContain('0xdead')
  const logged = log.lines.filter(({ level }) => level === 'error')
  expect(logged).toHaveLength(1)
  expect(logged[0]?.details).toMatchObject({ err: { message: 'segmentation fault at 0xdead' } })
})

test('an engine that fails for a while says so with its own code', async () => {
  const { ask, engine } = await open()
  engine.hold()
  const asked = ask({ inputs: ['A'] })
  await runsOf(engine, 1)
  engine.finish(failure('ENGINE_FAILED', 'the worker ended'))
  expect((await asked).json()).toMatchObject({ status: 500, code: 'ENGINE_FAILED' })
})

test('a version does not answer what is retired in it, and one of before answers as it did', async () => {
  const { ask, app, registry, live } = await open({ live: { live: { task: classificationOf() } } })
  const { manifest, parameters } = versionOf('m', 6, ['no', 'yes', 'maybe'])
  await registry.publish({
    manifest: { ...manifest, facts: { ...manifest.facts, retired: ['yes'] } },
    parameters,
  })
  await live.swap(await registry.promote('v6'))
  const labelsOf = async (payload: object) => {
    const [one] = (await ask(payload)).json<PredictAnswer>().predictions
    return [one?.label, ...Object.keys(one?.scores ?? {})]
  }
  // Its logits are [6, 65, 0].
  expect(await labelsOf({ inputs: ['A'] })).toEqual(['no', 'no', 'maybe'])
  expect(await labelsOf({ inputs: ['A'], version: 'v5' })).toEqual(['yes', 'no', 'yes'])
  const shown = { labels: ['no', 'maybe'], retired: ['yes'] }
  expect((await app.inject('/v1/models/m')).json()).toMatchObject(shown)
  expect((await app.inject('/v1/models/m/versions/v6')).json()).toMatchObject(shown)
})

interface PredictAnswer {
  readonly predictions: readonly { label: string; scores: Record<string, number> }[]
}
