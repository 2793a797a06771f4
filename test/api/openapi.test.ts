import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { openServed } from './open-served.ts'

interface Operation {
  readonly summary?: string
  readonly parameters?: readonly { readonly name: string; readonly in: string }[]
  readonly requestBody?: { readonly content: object }
  readonly responses: Readonly<Record<string, { readonly content?: object }>>
}
interface Description {
  readonly openapi: string
  readonly info: { readonly version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

async function describeApi() {
  const { app } = await openServed()
  return (await app.inject('/openapi.json')).json<Description>()
}

/** DESIGN's table of routes. */
const routes = [
  'delete /v1/models/{model}/versions/{version}/pin',
  'get /asyncapi.json',
  'get /health',
  'get /livez',
  'get /metrics',
  'get /openapi.json',
  'get /readyz',
  'get /v1/audit',
  'get /v1/fleet',
  'get /v1/models',
  'get /v1/models/{model}',
  'get /v1/models/{model}/dead-letters',
  'get /v1/models/{model}/dead-letters/{id}',
  'get /v1/models/{model}/feedback/{id}',
  'get /v1/models/{model}/forget',
  'get /v1/models/{model}/forget/{request}',
  'get /v1/models/{model}/history',
  'get /v1/models/{model}/pins',
  'get /v1/models/{model}/quality',
  'get /v1/models/{model}/quarantine',
  'get /v1/models/{model}/set-aside',
  'get /v1/models/{model}/sources',
  'get /v1/models/{model}/versions',
  'get /v1/models/{model}/versions/{version}',
  'get /v1/models/{model}/versions/{version}/compare/{other}',
  'post /v1/models/{model}/canary',
  'post /v1/models/{model}/canary/end',
  'post /v1/models/{model}/dead-letters/drop',
  'post /v1/models/{model}/dead-letters/resend',
  'post /v1/models/{model}/discard',
  'post /v1/models/{model}/evaluate',
  'post /v1/models/{model}/feedback',
  'post /v1/models/{model}/forget',
  'post /v1/models/{model}/pause',
  'post /v1/models/{model}/practice',
  'post /v1/models/{model}/predict',
  'post /v1/models/{model}/promote',
  'post /v1/models/{model}/quarantine/drop',
  'post /v1/models/{model}/quarantine/release',
  'post /v1/models/{model}/rank',
  'post /v1/models/{model}/relearn',
  'post /v1/models/{model}/resume',
  'post /v1/models/{model}/rollback',
  'post /v1/models/{model}/shadow',
  'post /v1/models/{model}/shadow/end',
  'put /v1/models/{model}/versions/{version}/pin',
]

test('the description has the routes of the server and no others', async () => {
  const { openapi, info, paths } = await describeApi()
  expect(openapi).toBe('3.1.0')
  expect(info.version).toBe('0.1.0')
  const described = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method} ${path}`),
  )
  expect(described.sort()).toEqual(routes)
})

test('each operation says what it is for, its parameters, and how it answers and fails', async () => {
  const { paths } = await describeApi()
  for (const [path, operations] of Object.entries(paths))
    for (const [method, operation] of Object.entries(operations)) {
      expect(operation.summary, path).toBeTruthy()
      const inPath = (operation.parameters ?? []).filter((each) => each.in === 'path')
      const names = inPath.map(({ name }) => name)
      expect(names, path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
      const isCommand = method === 'post' && path.endsWith('/forget')
      const isAccepted = /(feedback|relearn|discard|quarantine\/\w+|pause|resume)$/.test(path)
      const success = isCommand || isAccepted ? '202' : '200'
      expect(operation.responses, path).toHaveProperty([success, 'content'])
      if (path.startsWith('/v1/'))
        expect(operation.responses, path).toHaveProperty([
          'default',
          'content',
          'application/problem+json',
        ])
      // A pin may have a reason.
      const hasBody = method === 'post' || path.endsWith('/pin')
      expect(operation.requestBody !== undefined, path).toBe(hasBody)
    }
})

test('feedback is described as JSON and as NDJSON', async () => {
  const { paths } = await describeApi()
  const content = paths['/v1/models/{model}/feedback']?.post?.requestBody?.content ?? {}
  expect(Object.keys(content)).toEqual(['application/json', 'application/x-ndjson'])
})

test('a body that may be left out is described so, and feedback that is answered fits its description', async () => {
  const { app } = await openServed()
  const { paths } = await describeApi()
  const pin = '/v1/models/{model}/versions/{version}/pin'
  for (const method of ['PUT', 'DELETE'] as const) {
    expect(paths[pin]?.[method.toLowerCase()]?.requestBody).toMatchObject({ required: false })
    const answer = await app.inject({ method, url: '/v1/models/m/versions/v1/pin' })
    expect(answer.statusCode).toBe(200)
  }
  expect(paths['/v1/models/{model}/promote']?.post?.requestBody).toMatchObject({ required: true })
  const content = paths['/v1/models/{model}/feedback']?.post?.requestBody?.content ?? {}
  const { schema } = (content as Record<string, { schema: object }>)['application/json']!
  const fits = new Ajv({ strict: false, validateFormats: false }).compile(schema)
  const event = { input: 'good', label: 'yes' }
  for (const [payload, status] of [
    [{ events: [event, 7] }, 202],
    [[event], 202],
    [[null, 'x'], 202],
    [event, 202],
    [7, 400],
    [null, 400],
  ] as const) {
    const headers = { 'content-type': 'application/json' }
    const url = '/v1/models/m/feedback'
    const asked = { method: 'POST', url, headers, payload: JSON.stringify(payload) } as const
    expect((await app.inject(asked)).statusCode, JSON.stringify(payload)).toBe(status)
    expect(fits(payload), JSON.stringify(payload)).toBe(status === 202)
  }
})

test('the channels of events are described to those who may read, because brokers are named', async () => {
  const { app } = await openServed({ tokens: ['0123456789abcdef'] })
  expect((await app.inject('/asyncapi.json')).statusCode).toBe(401)
  const headers = { authorization: 'Bearer 0123456789abcdef' }
  const response = await app.inject({ url: '/asyncapi.json', headers })
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
  expect(response.json()).toEqual({ asyncapi: '3.0.0' })
})

test('the page for people is there', async () => {
  const { app } = await openServed()
  const response = await app.inject('/docs/')
  expect(response.headers['content-type']).toContain('text/html')
  expect(response.statusCode).toBe(200)
  for (const url of ['/docs/', '/docs/static/swagger-ui-bundle.js']) {
    const { headers } = await app.inject(url)
    expect(headers['content-security-policy'], url).toContain("frame-ancestors 'none'")
    expect(headers['content-security-policy']).toContain("default-src 'self'")
    expect(headers['x-content-type-options'], url).toBe('nosniff')
  }
})

test('an error says that it is no other type', async () => {
  const { app } = await openServed({ tokens: ['0123456789abcdef'] })
  for (const url of ['/v1/models', '/none', '/%'])
    expect((await app.inject(url)).headers['x-content-type-options'], url).toBe('nosniff')
})

test('a client may insist on a generation where something is answered from the live version', async () => {
  const { paths } = await describeApi()
  const insisting = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { parameters = [] }]) =>
        parameters.some((each) => each.in === 'header' && each.name.includes('min-generation')),
      )
      .map(([method]) => `${method} ${path}`),
  )
  expect(insisting.sort()).toEqual([
    'get /v1/models/{model}',
    'post /v1/models/{model}/predict',
    'post /v1/models/{model}/rank',
  ])
})

test('every schema is valid JSON Schema: the server does not ask at each start', async () => {
  const { paths } = await describeApi()
  const ajv = new Ajv({ strict: false })
  const schemas = [...schemasIn(paths)]
  expect(schemas.length).toBeGreaterThan(100)
  for (const schema of schemas) {
    void ajv.validateSchema(schema)
    expect(ajv.errorsText(), JSON.stringify(schema)).toBe('No errors')
  }
})

/** Those of parameters, requests and answers. */
function* schemasIn(value: unknown): Generator<object> {
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries(value)) {
    if (name === 'schema') yield inner as object
    else yield* schemasIn(inner)
  }
}
