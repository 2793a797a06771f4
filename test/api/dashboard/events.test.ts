/** The stream of samples: what was before, what comes, who may watch, and how it ends. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { openEvents, openPage } from './open-dashboard.ts'
import type { ServedOptions } from '../open-served.ts'

async function open(options: ServedOptions = {}) {
  const page = await openPage(options)
  const { url } = await page.server.listen({ host: '127.0.0.1', port: 0 })
  return { ...page, url, events: `${url}/dashboard/events?model=m` }
}

test('a page gets the samples so far, then each new one, and resumes after the last that it has seen', async () => {
  const { series, events, live, registry } = await open()
  series.sample()
  const { response, next, leave } = await openEvents(events)
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(response.headers.get('cache-control')).toBe('no-store')
  const before = (await next())!
  expect(before.rows.map((row) => row.slice(1))).toEqual([[0.8, 8, 3, 2, 'v1', 2, 0, 'idle', null]])
  await live.swap(await registry.promote('v2'))
  series.sample()
  const [row] = (await next())!.rows
  expect(row!.slice(5)).toEqual(['v2', 3, 0, 'idle', null])
  leave()
  await vi.waitUntil(() => series.watchers() === 0)
  const again = await openEvents(events, { 'last-event-id': before.id! })
  expect((await again.next())!.rows).toEqual([row])
})

test('an open stream ends when the server drains, and does not hold it up', async () => {
  const { server, events, series } = await open()
  series.sample()
  const { next } = await openEvents(events)
  await next()
  const drained = server.drain()
  expect(await next()).toBeUndefined()
  await drained
  expect(series.watchers()).toBe(0)
})

test('an open stream ends when its key is revoked, and that of another key goes on', async () => {
  const tokens = ['token-that-is-kept', 'token-that-is-revoked']
  const { server, events, series } = await open({ tokens })
  series.sample()
  const streams = await Promise.all(
    tokens.map(async (token) => openEvents(events, { authorization: `Bearer ${token}` })),
  )
  for (const { next } of streams) await next()
  server.checkCallers()
  expect(series.watchers()).toBe(2)
  tokens.pop()
  server.checkCallers()
  expect(await streams[1]!.next()).toBeUndefined()
  await vi.waitUntil(() => series.watchers() === 1)
})

test('beyond limits.watchers a stream is refused, and counted while it is open', async () => {
  const { events, app } = await open({ limits: { watchers: 1 } })
  const { leave, next } = await openEvents(events)
  await next()
  expect((await app.inject('/metrics')).body).toMatch(/^antikythera_watchers 1$/m)
  const refused = await app.inject('/dashboard/events?model=m')
  expect(refused.statusCode).toBe(503)
  expect(refused.headers['retry-after']).toBe('1')
  expect(refused.json()).toMatchObject({ code: 'WATCHERS_FULL' })
  leave()
  await vi.waitUntil(async () =>
    /^antikythera_watchers 0$/m.test((await app.inject('/metrics')).body),
  )
})

test('a stream outlives the deadline of other requests, with a sign of life in between', async () => {
  const { events, series } = await open({ limits: { request_ms: 100 } })
  const over = new AbortController()
  onTestFinished(() => over.abort())
  const { body } = await fetch(events, { signal: over.signal })
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  // Three of them come after the deadline, which is twice request_ms.
  while ((text.match(/^:$/gm) ?? []).length < 5) {
    const { done, value } = await reader.read()
    expect(done).toBe(false)
    text += value ?? ''
  }
  expect(text).not.toContain('DEADLINE_EXCEEDED')
  expect(series.watchers()).toBe(1)
})

test('an unknown model, a token that is missing and another method are refused', async () => {
  const { app } = await open({ tokens: ['0123456789abcdef'] })
  const authorization = 'Bearer 0123456789abcdef'
  const at = async (url: string, headers = {}, method: 'GET' | 'POST' = 'GET') =>
    (await app.inject({ url, method, headers })).json<{ code: string }>().code
  expect(await at('/dashboard/events?model=m')).toBe('AUTH_REQUIRED')
  expect(await at('/dashboard/events?model=x', { authorization })).toBe('MODEL_UNKNOWN')
  expect(await at('/dashboard/events', { authorization })).toBe('REQUEST_INVALID')
  expect(await at('/dashboard/events?model=m', { authorization }, 'POST')).toBe(
    'METHOD_NOT_ALLOWED',
  )
})
