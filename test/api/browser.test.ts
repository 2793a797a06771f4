/** What a browser may make a server do: names that were rebound, and pages of other origins. */
import { expect, test } from 'vitest'
import { openServed } from './open-served.ts'

const url = '/v1/models/m'

test.each([
  ['localhost', 200],
  ['LOCALHOST:8080', 200],
  ['127.0.0.1:8080', 200],
  ['[::1]:8080', 200],
  ['labels.example.com', 200],
  ['labels.example.com.:80', 200],
  ['evil.example.com', 421],
  ['localhost.evil.example.com', 421],
  ['127.0.0.1.evil.example.com', 421],
  ['127.0.0.1@evil.example.com', 421],
])('without auth a request for the host %j gets %i', async (host, status) => {
  const { app } = await openServed({ hosts: ['127.0.0.1', 'labels.example.com'] })
  const response = await app.inject({ url, headers: { host } })
  expect(response.statusCode).toBe(status)
  if (status === 200) return
  expect(response.json()).toMatchObject({ code: 'HOST_REFUSED' })
  expect(response.json<{ fix: string }>().fix).toContain('server.hosts')
  // The kubelet asks for a pod's address.
  expect((await app.inject({ url: '/livez', headers: { host } })).statusCode).toBe(200)
})

const origin = 'https://labels.example.com'
const cors = { origins: [origin], max_age_seconds: 600 }
const preflight = {
  method: 'OPTIONS',
  url: `${url}/predict`,
  headers: { origin, 'access-control-request-method': 'POST' },
} as const

test('the host is checked again once there are no keys any more', async () => {
  const options = { hosts: [] as string[] }
  const { app } = await openServed(options)
  const ask = async () =>
    (await app.inject({ url: '/v1/models', headers: { host: 'evil.example' } })).statusCode
  expect(await ask()).toBe(200)
  options.hosts = ['127.0.0.1']
  expect(await ask()).toBe(421)
})

test('no page of another origin is let in unless the config names it', async () => {
  const { app } = await openServed()
  const response = await app.inject({ url, headers: { origin } })
  expect(response.headers).not.toHaveProperty('access-control-allow-origin')
  expect((await app.inject(preflight)).statusCode).toBe(405)
})

test('a page that is named may ask, also before it has a token, and reads errors and versions', async () => {
  const { app } = await openServed({ cors, tokens: ['0123456789abcdef'] })
  const asked = await app.inject(preflight)
  expect(asked.statusCode).toBe(204)
  expect(asked.headers).toMatchObject({
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, DELETE',
    'access-control-max-age': '600',
    vary: 'origin',
  })
  expect(asked.headers['access-control-allow-headers']).toContain('authorization')
  const refused = await app.inject({ url, headers: { origin } })
  expect([refused.statusCode, refused.headers['access-control-allow-origin']]).toEqual([
    401,
    origin,
  ])
  const authorization = 'Bearer 0123456789abcdef'
  const answered = await app.inject({ url, headers: { origin, authorization } })
  expect(answered.statusCode).toBe(200)
  expect(answered.headers['access-control-expose-headers']).toContain('x-antikythera-version')
})

test('a page that is not named gets nothing, and caches know that it matters who asks', async () => {
  const { app } = await openServed({ cors })
  const headers = { ...preflight.headers, origin: 'https://evil.example.com' }
  const refused = await app.inject({ ...preflight, headers })
  expect(refused.statusCode).toBe(405)
  expect(refused.headers).not.toHaveProperty('access-control-allow-origin')
  expect((await app.inject({ url })).headers.vary).toBe('origin')
})
