/** A server that refuses a TLS client in the middle of a write makes two errors of one socket. Neither may end the process. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { Redis as Client } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { openRedisClient } from '../../src/platform/redis/client.ts'

async function silentServer(): Promise<number> {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

test('a second error of a socket is heard too', async () => {
  const address = { host: '127.0.0.1', port: await silentServer() }
  const options = { namespace: 'test', commandMs: 1000, connectMs: 1000, address }
  const client = openRedisClient(options)
  if (!(client instanceof Client)) throw new Error('one server is no Cluster')
  onTestFinished(() => client.disconnect())
  const heard: string[] = []
  client.on('error', ({ message }: Error) => heard.push(message))
  await new Promise((resolve) => client.once('connect', resolve))
  const { stream } = client
  stream.emit('error', new Error('write ECONNRESET'))
  // Without a listener this one throws, and where nobody catches it the process ends.
  stream.emit('error', new Error('tlsv1 alert decode error'))
  expect(heard).toEqual(['write ECONNRESET'])
})
