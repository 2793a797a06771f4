import { expect, test } from 'vitest'
import { settled } from '../serving/fake-clock.ts'
import { openServed, type ServedOptions } from '../api/open-served.ts'
import { predictRequest, rawConnection } from './raw-connection.ts'

async function open(options?: ServedOptions) {
  const served = await openServed(options)
  const { port, url } = await served.server.listen({ host: '127.0.0.1', port: 0 })
  return { ...served, port, url }
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`

test('a keep-alive connection with a request in flight is answered, then ended', async () => {
  const { server, engine, port } = await open()
  const connection = await rawConnection(port)
  engine.hold()
  connection.send(predictRequest('A'))
  while (engine.inFlight === 0) await settled()
  const drained = server.drain()
  engine.finish()
  const answer = await connection.ended
  await drained
  expect(answer).toContain('HTTP/1.1 200 OK')
  expect(answer).toContain('connection: close')
  expect(answer).toContain('"version":"v1"')
})

test('idle keep-alive connections end at once', async () => {
  const { server, port } = await open()
  const connection = await rawConnection(port)
  connection.send(get('/livez'))
  await connection.arrived('{"alive":true}')
  await server.drain()
  expect(await connection.ended).toContain('HTTP/1.1 200 OK')
})

test('while it drains it is not ready, lives, and refuses new requests on open connections', async () => {
  const { server, engine, port } = await open()
  const busy = await rawConnection(port)
  const [probe, alive, late] = [
    await rawConnection(port),
    await rawConnection(port),
    await rawConnection(port),
  ]
  for (const connection of [probe, alive, late]) connection.send('GET')
  engine.hold()
  busy.send(predictRequest('A'))
  while (engine.inFlight === 0) await settled()
  const drained = server.drain()
  probe.send(get('/readyz').slice(3))
  expect(await probe.ended).toContain('503 Service Unavailable')
  expect(await probe.ended).toContain('"code":"SHUTTING_DOWN"')
  alive.send(get('/livez').slice(3))
  expect(await alive.ended).toContain('200 OK')
  late.send(get('/v1/models').slice(3))
  expect(await late.ended).toContain('"code":"SHUTTING_DOWN"')
  expect(await late.ended).toContain('retry-after: 1')
  engine.finish()
  await drained
  expect(await busy.ended).toContain('200 OK')
})

test('a request whose body is still on its way when draining begins is answered', async () => {
  const { server, port } = await open()
  const connection = await rawConnection(port)
  const request = predictRequest('A', ['Expect: 100-continue'])
  connection.send(request.slice(0, -5))
  await connection.arrived('100 Continue')
  const drained = server.drain()
  connection.send(request.slice(-5))
  expect(await connection.ended).toContain('200 OK')
  await drained
})

test('what is not done by the deadline is cut, so that the end comes', async () => {
  const { server, engine, port } = await open({ limits: { shutdown_ms: 100 } })
  const connection = await rawConnection(port)
  engine.hold()
  connection.send(predictRequest('A'))
  while (engine.inFlight === 0) await settled()
  await server.drain()
  expect(await connection.ended).toBe('')
  engine.finish()
})

test('after draining nobody listens, and draining or closing again is harmless', async () => {
  const { server, url } = await open()
  await Promise.all([server.drain(), server.drain()])
  await server.close()
  await expect(fetch(`${url}/livez`)).rejects.toThrow()
})
