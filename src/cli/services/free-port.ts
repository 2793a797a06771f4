/** Loopback ports that were free a moment ago, for services that need their port at the start. */
import { createServer } from 'node:net'

export function freePort(): Promise<number> {
  return listenOnce(0)
}

/** The port itself if it is free, otherwise undefined. */
export function ifFree(port: number): Promise<number | undefined> {
  return listenOnce(port).catch(() => undefined)
}

function listenOnce(wanted: number): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: wanted, host: '127.0.0.1' }, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
