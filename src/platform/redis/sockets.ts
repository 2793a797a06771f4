/**
 * Keeps a socket error of the Redis library from ending the process. The library listens for the first `error` of a
 * socket and not for a second one; a TLS socket has two when the server refuses us (an alert) during a write. The
 * library offers no hook for the sockets of its Sentinel clients, so its two connectors are wrapped where they are
 * loaded.
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'

interface Connector {
  readonly prototype: { connect(...args: readonly unknown[]): Promise<Socket> }
}

const connectors = ['StandaloneConnector', 'SentinelConnector']
let isDone = false

/** Idempotent; call it before the first client is created. */
export function guardRedisSockets(): void {
  if (isDone) return
  isDone = true
  const require = createRequire(import.meta.url)
  for (const name of connectors) {
    const { default: found } = require(`ioredis/built/connectors/${name}`) as { default: Connector }
    guard(found)
  }
}

function guard({ prototype }: Connector): void {
  const plain: unknown = Reflect.get(prototype, 'connect')
  if (typeof plain !== 'function') throw new Error('invariant: ioredis has its connectors')
  prototype.connect = async function connect(...args) {
    const socket = (await Reflect.apply(plain, this, args)) as Socket
    // The library hears the first error and closes the connection.
    return socket.on('error', () => undefined)
  }
}
