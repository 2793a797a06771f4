/** The page's files: small, from this server alone, kept by browsers, and open to all. */
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openPage } from './open-dashboard.ts'

const gzip = { 'accept-encoding': 'gzip, deflate' }
/** Addresses in the document. */
const filesIn = (html: string) => [
  ...new Set([...html.matchAll(/dashboard\/[0-9a-f]{16}\/[\w.-]+/g)].map(([path]) => `/${path}`)),
]

test('the whole page is at most 36 KB on the wire', async () => {
  const { app } = await openPage()
  const { body } = await app.inject('/')
  const files = filesIn(body)
  expect(files.length).toBeGreaterThan(10)
  let bytes = Buffer.byteLength(body)
  for (const url of files) {
    const { rawPayload, headers, statusCode } = await app.inject({ url, headers: gzip })
    expect([url, statusCode, headers['content-encoding']]).toEqual([url, 200, 'gzip'])
    bytes += rawPayload.length
  }
  expect(bytes).toBeLessThanOrEqual(36 * 1024)
})

test('files are kept for good under a digest of all of them, and the document is always asked for', async () => {
  const { app } = await openPage()
  const { body, headers } = await app.inject('/')
  expect(headers['cache-control']).toBe('no-cache')
  const [url] = filesIn(body)
  const plain = await app.inject(url!)
  expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect(plain.headers.vary).toBe('accept-encoding')
  const packed = await app.inject({ url: url!, headers: gzip })
  expect(gunzipSync(packed.rawPayload).equals(plain.rawPayload)).toBe(true)
  const other = await app.inject(url!.replace(/[0-9a-f]{16}/, '0123456789abcdef'))
  expect(other.json()).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
  expect((await app.inject(url!.replace(/[\w.-]+$/, '..%2fsurface.js'))).statusCode).toBe(404)
})

test('the document names no other server, and nothing inline may run but the import map', async () => {
  const { app } = await openPage()
  const { body, headers } = await app.inject('/')
  expect(body).not.toMatch(/https?:/)
  expect(body.match(/<script(?![^>]*src=)/g)).toHaveLength(1)
  const policy = String(headers['content-security-policy'])
  expect(policy).toMatch(/^default-src 'self'; script-src 'self' 'sha256-[\w+/]+='/)
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toContain('unsafe')
})

test('with tokens the page is open and what it asks for is not; other hosts are refused all the same', async () => {
  const { app } = await openPage({ tokens: ['0123456789abcdef'], hosts: ['127.0.0.1'] })
  const { statusCode, body } = await app.inject('/')
  expect(statusCode).toBe(200)
  expect((await app.inject(filesIn(body)[0]!)).statusCode).toBe(200)
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
