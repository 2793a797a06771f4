import { expect, test } from 'vitest'
import { rejection } from '../coded.ts'
import { settled } from '../serving/fake-clock.ts'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { predictRequest, rawConnection } from './raw-connection.ts'

async function open(options?: ServedOptions) {
  const served = await openServed(options)
  const { port, url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  const post = (path: string, body: string | Buffer) =>
    fetch(`${url}/v1/models/m/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
  return { ...served, port, url, post }
}

test('a body of 10 MB is refused with an answer that arrives, and the next is served', async () => {
  const { post } = await open()
  const response = await post('feedback', Buffer.alloc(10 * 1024 * 1024, 0x20))
  expect(response.status).toBe(413)
  expect(await response.json()).toMatchObject({ code: 'BODY_TOO_LARGE' })
  expect((await post('predict', '{"inputs":["A"]}')).status).toBe(200)
})

test('a body without a declared length is cut at the limit too', async () => {
  const { port } = await open()
  const connection = await rawConnection(port)
  const head = ['POST /v1/models/m/feedback HTTP/1.1', 'Host: test']
  const types = ['Content-Type: application/json', 'Transfer-Encoding: chunked']
  connection.send([...head, ...types, '', ''].join('\r\n'))
  const chunk = `${(64 * 1024).toString(16)}\r\n${' '.repeat(64 * 1024)}\r\n`
  for (let sent = 0; sent < 6; sent += 1) connection.send(chunk)
  connection.send('0\r\n\r\n')
  expect(await connection.ended).toContain('"code":"BODY_TOO_LARGE"')
})

test('headers that never end are cut by time', async () => {
  const { port, post } = await open({ limits: { request_ms: 200 } })
  const connection = await rawConnection(port)
  connection.send('GET /livez HTTP/1.1\r\nHost: test\r\nX-Slow: ')
  const answer = await connection.ended
  expect(answer).toContain('HTTP/1.1 408 Request Timeout')
  expect(answer).toContain('"code":"REQUEST_TIMEOUT"')
  // Of a machine that pauses, the next one may need longer than it is given, too.
  await expect.poll(async () => (await post('predict', '{"inputs":["A"]}')).status).toBe(200)
})

test('a body that never ends is cut by time, as the fault of its sender', async () => {
  const { port } = await open({ limits: { request_ms: 200 } })
  const connection = await rawConnection(port)
  connection.send(predictRequest('A').slice(0, -3))
  const answer = await connection.ended
  expect(answer).toContain('HTTP/1.1 408 Request Timeout')
  expect(answer).toContain('"code":"REQUEST_TIMEOUT"')
})

test('headers that are too long are refused by their code', async () => {
  const { port } = await open()
  const connection = await rawConnection(port)
  connection.send(`GET /livez HTTP/1.1\r\nHost: test\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)
  const answer = await connection.ended
  expect(answer).toContain('HTTP/1.1 431 Request Header Fields Too Large')
  expect(answer).toContain('"code":"HEADERS_TOO_LARGE"')
})

test('what is no HTTP is refused with a problem', async () => {
  const { port } = await open()
  const connection = await rawConnection(port)
  connection.send('good morning\r\n\r\n')
  const answer = await connection.ended
  expect(answer).toContain('HTTP/1.1 400 Bad Request')
  expect(answer).toContain('"code":"REQUEST_INVALID"')
})

test('an engine that never answers costs its request a 503, not a connection for ever', async () => {
  const { post, engine } = await open({ limits: { request_ms: 1000 } })
  engine.hold()
  const response = await post('predict', '{"inputs":["A"]}')
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  engine.finish()
})

test('rows of a client that is gone are not run', async () => {
  const { port, post, engine, batcher } = await open()
  engine.hold()
  const running = post('predict', '{"inputs":["A"]}')
  while (engine.inFlight === 0) await settled()
  const gone = await rawConnection(port)
  gone.send(predictRequest('B'))
  while (batcher.waiting('m') === 0) await settled()
  gone.socket.destroy()
  while (batcher.waiting('m') > 0) await settled()
  engine.finish()
  expect((await running).status).toBe(200)
  expect(engine.runs).toHaveLength(1)
})

test('requests of one connection are answered in their order', async () => {
  const { port } = await open()
  const connection = await rawConnection(port)
  connection.send(['A', 'B', 'C'].map((text) => predictRequest(text)).join(''))
  await connection.arrived('"row":67')
  connection.socket.end()
  const rows = [...(await connection.ended).matchAll(/"row":(\d+)/g)].map(([, row]) => row)
  expect(rows).toEqual(['65', '66', '67'])
})

test('connections without a request lock nobody out: the one that waits longest makes room', async () => {
  const { port, url, metrics } = await open({ limits: { connections: 20, probe_connections: 2 } })
  const idle = await Promise.all(Array.from({ length: 20 }, async () => rawConnection(port)))
  // Sends its headers for ever, and has not asked anything yet.
  idle[0]!.send('GET /livez HTTP/1.1\r\nHost: test\r\nX-Slow: ')
  const ask = async () => {
    const options = { headers: { connection: 'close' } }
    const response = await fetch(`${url}/v1/models`, options).catch(() => undefined)
    return response?.status ?? 0
  }
  await expect.poll(ask, { timeout: 10_000 }).toBe(200)
  expect(await Promise.race(idle.map(async ({ ended }) => ended))).toBe('')
  expect(await metrics.text()).toMatch(/antikythera_connections_evicted_total [1-9]/)
  for (const { socket } of idle) socket.destroy()
})

test('when every connection has a request in flight, probes are answered and others told to wait', async () => {
  const { port, engine, batcher } = await open({
    limits: { connections: 2, probe_connections: 2 },
  })
  engine.hold()
  const busy = [await rawConnection(port), await rawConnection(port)]
  for (const connection of busy) connection.send(predictRequest('A'))
  while (engine.inFlight === 0 || batcher.waiting('m') === 0) await settled()
  const answerTo = async (path: string) => {
    const connection = await rawConnection(port)
    connection.send(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`)
    return connection.ended
  }
  const refused = await answerTo('/v1/models')
  expect(refused).toContain('"code":"CONNECTIONS_FULL"')
  expect(refused).toContain('retry-after: 1')
  // Silent ones in the slots of probes make room at once.
  const silent = [await rawConnection(port), await rawConnection(port), await rawConnection(port)]
  expect(await answerTo('/livez')).toContain('{"alive":true}')
  expect(await answerTo('/readyz')).toContain('HTTP/1.1 200 OK')
  for (const { socket } of [...silent, ...busy]) socket.destroy()
  engine.finish()
})

test('a port that is taken, and an address that is not ours, are refused by code', async () => {
  const { port } = await open()
  const other = await openServed()
  expect(await rejection(other.server.listen({ host: '127.0.0.1', port }))).toMatchObject({
    code: 'PORT_IN_USE',
    details: { port },
  })
  const third = await openServed()
  expect(await rejection(third.server.listen({ host: '192.0.2.1', port: 0 }))).toMatchObject({
    code: 'ADDRESS_UNUSABLE',
  })
})
