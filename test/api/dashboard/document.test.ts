/** The document of the page: small, complete by itself, and open to all. */
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openPage } from './open-dashboard.ts'

const gzip = { 'accept-encoding': 'gzip, deflate' }
const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

test('the whole page is one document of at most 32 KB on the wire', async () => {
  const { app } = await openPage()
  const { rawPayload, headers } = await app.inject({ url: '/', headers: gzip })
  expect(headers['content-encoding']).toBe('gzip')
  expect(rawPayload.length).toBeLessThanOrEqual(32 * 1024)
  const plain = await app.inject('/')
  expect(gunzipSync(rawPayload).equals(plain.rawPayload)).toBe(true)
  // Nothing that a browser would ask for before it runs the program.
  expect(plain.body.match(/(?:src|href)="(?!data:|docs")[^"]*"/g)).toBeNull()
})

test('a browser asks each time, and gets the document again only where it has changed', async () => {
  const { app } = await openPage()
  const { headers } = await app.inject('/')
  expect(headers).toMatchObject({ 'cache-control': 'no-cache', vary: 'accept-encoding' })
  const again = await app.inject({ url: '/', headers: { 'if-none-match': headers.etag } })
  expect([again.statusCode, again.body]).toEqual([304, ''])
  const other = await app.inject({ url: '/', headers: { 'if-none-match': '"another"' } })
  expect(other.statusCode).toBe(200)
})

test('the document names no other server, and only its own program and style may be used', async () => {
  const { app } = await openPage()
  const { body, headers } = await app.inject('/')
  // Names of SVG and MathML, which nothing is fetched from.
  const named = [...body.matchAll(/https?:(?:\/\/|%2F%2F)([\w.]+)/g)].map(([, host]) => host)
  expect([...new Set(named)]).toEqual(['www.w3.org'])
  const policy = String(headers['content-security-policy'])
  const [, program] = /<script type="module">([^]*)<\/script>/.exec(body)!
  const [, style] = /<style>([^]*)<\/style>/.exec(body)!
  expect(body.match(/<script/g)).toHaveLength(1)
  expect(policy).toContain(`script-src ${hashOf(program!)};`)
  expect(policy).toContain(`style-src ${hashOf(style!)};`)
  expect(policy).toMatch(/^default-src 'self';/)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
})

test('with tokens the page is open and what it asks for is not; other hosts are refused all the same', async () => {
  const { app } = await openPage({ tokens: ['0123456789abcdef'], hosts: ['127.0.0.1'] })
  expect((await app.inject('/')).statusCode).toBe(200)
  expect((await app.inject('/v1/models')).statusCode).toBe(401)
  expect((await app.inject({ url: '/', headers: { host: 'evil.example' } })).statusCode).toBe(421)
})

test('unknown routes, other methods and /openapi.json are as they are without the page', async () => {
  const { app } = await openPage()
  expect((await app.inject('/none')).json()).toMatchObject({ code: 'ROUTE_UNKNOWN' })
  const posted = await app.inject({ method: 'POST', url: '/' })
  expect(posted.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' })
  expect((await app.inject('/openapi.json')).body).not.toContain('dashboard')
})
