/** A surface sees and shows nothing of another: a second one, of this test only, is served beside v1. */
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import type { Surface } from '../../src/api/surface.ts'
import { failure } from '../../src/platform/errors.ts'
import type { Services } from '../../src/serving/services/services.ts'
import { openServed } from './open-served.ts'

/** Another prefix, other errors, another name for a prediction, and a body type of its own. */
function tiny(services: Services): Surface {
  return {
    prefix: '/tiny',
    errors: {
      contentType: 'application/json; charset=utf-8',
      render: ({ code, message }) => ({
        status: code === 'ROUTE_UNKNOWN' ? 410 : 418,
        body: { message },
      }),
    },
    addTo(scope) {
      scope.addContentTypeParser(
        'text/tiny',
        { parseAs: 'string' },
        async (_request: FastifyRequest, text: string) => text,
      )
      scope.addSchema({ $id: 'Question', type: 'object', properties: { ask: { type: 'string' } } })
      scope.decorateReply('tiny', true)
      scope.addHook('onSend', async (_request, reply) => void reply.header('x-tiny', 'yes'))
      scope.post<{ Body: string }>(
        '/ask',
        { config: { role: 'predict' } },
        async ({ body, over }) => {
          const inputs = [{ kind: 'text', text: body }] as const
          const { predictions } = await services
            .model('m')
            .predictions.predict({ inputs, signal: over })
          return { said: predictions[0]?.answer.label }
        },
      )
      scope.get('/fail', { config: { role: 'read' } }, async () => {
        throw failure('QUEUE_FULL', 'too much')
      })
      scope.get<{ Querystring: { n: string } }>(
        '/strict',
        {
          schema: { querystring: Type.Object({ n: Type.String() }) },
          config: { role: 'read' },
        },
        async () => ({}),
      )
    },
  }
}

const both = async (options: Parameters<typeof openServed>[0] = {}) =>
  openServed({ ...options, surfaces: (services) => [tiny(services)] })

test('a second surface answers through the same services, in its own words', async () => {
  const { app } = await both()
  const ask = { method: 'POST', url: '/tiny/ask', payload: 'A' } as const
  const answer = await app.inject({ ...ask, headers: { 'content-type': 'text/tiny' } })
  const v1 = await app.inject({
    method: 'POST',
    url: '/v1/models/m/predict',
    payload: { inputs: ['A'] },
  })
  const { predictions } = v1.json<{ predictions: { label: string }[] }>()
  expect(answer.json()).toEqual({ said: predictions[0]?.label })
  expect(answer.headers['x-tiny']).toBe('yes')
  expect(v1.headers).not.toHaveProperty('x-tiny')
})

test('each surface has its own errors: thrown ones, unknown routes, other methods, refused requests', async () => {
  const { app } = await both({ tokens: ['t'] })
  const headers = { authorization: 'Bearer t' }
  const problem = 'application/problem+json; charset=utf-8'
  const json = 'application/json; charset=utf-8'
  const at = async (method: 'GET' | 'PUT', url: string, sent: object = headers) => {
    const {
      statusCode,
      headers: got,
      body,
    } = await app.inject({ method, url, headers: { ...sent } })
    return [statusCode, got['content-type'], Object.keys(JSON.parse(body) as object)[0]]
  }
  expect(await at('GET', '/tiny/fail')).toEqual([418, json, 'message'])
  expect(await at('GET', '/tiny/none')).toEqual([410, json, 'message'])
  expect(await at('PUT', '/tiny/fail')).toEqual([418, json, 'message'])
  expect(await at('GET', '/tiny/strict')).toEqual([418, json, 'message'])
  expect(await at('GET', '/tiny/fail', {})).toEqual([418, json, 'message'])
  expect(await at('GET', '/v1/none')).toEqual([404, problem, 'type'])
  expect(await at('GET', '/none')).toEqual([404, problem, 'type'])
  expect(await at('GET', '/v1/models', {})).toEqual([401, problem, 'type'])
  expect(await at('PUT', '/v1/models')).toEqual([405, problem, 'type'])
})

test('body types and schemas of a surface are its own', async () => {
  const { app } = await both()
  const post = async (url: string, type: string) => {
    const payload = type.includes('json') ? '{"input":"A","label":"yes"}' : 'A'
    return (await app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } }))
      .statusCode
  }
  expect(await post('/tiny/ask', 'text/tiny')).toBe(200)
  expect(await post('/v1/models/m/feedback', 'application/x-ndjson')).toBe(202)
  expect(app.getSchemas()).toEqual({})
  expect(app.hasContentTypeParser('text/tiny')).toBe(false)
  expect(app.hasContentTypeParser('application/x-ndjson')).toBe(false)
})

test('what stays in one place holds for every surface: tokens, hosts, draining, metrics', async () => {
  const { app, server, metrics } = await both({ tokens: ['t'], hosts: ['good.example'] })
  const headers = { authorization: 'Bearer t' }
  const get = async (sent: Record<string, string>) =>
    (await app.inject({ url: '/tiny/fail', headers: sent })).json<{ message: string }>().message
  expect(await get({})).toContain('bearer token')
  expect(await get({ ...headers, host: 'evil.example' })).toContain('does not accept the host')
  expect(await get(headers)).toBe('too much')
  expect(await metrics.text()).toMatch(
    /requests_total\{route="\/tiny\/fail",method="GET",status="418"\}/,
  )
  await server.drain()
})

test('the description has nothing of a surface that does not ask for it, and is the same beside it', async () => {
  const alone = await (await openServed()).app.inject('/openapi.json')
  const beside = await (await both()).app.inject('/openapi.json')
  expect(beside.body).toBe(alone.body)
  expect(beside.body).not.toContain('tiny')
})
