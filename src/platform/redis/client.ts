/**
 * The set-up of the Redis library: one server, Sentinel or Cluster; an ACL user; TLS. While Redis is away the library
 * queues nothing and repeats nothing, because only the caller knows whether a command may be repeated.
 */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { Cluster, Redis as Client } from 'ioredis'
import type * as ioredis from 'ioredis'
import { systemClock } from '../clock.ts'
import { failure, type ErrorCode } from '../errors.ts'
import { openJitter } from '../random.ts'
import { RetryPolicy } from '../retry.ts'
import { CodedError } from '../../contracts/core.ts'

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

interface RedisTls {
  /** Paths of PEM files. */
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly servername?: string | undefined
}

/** Exactly one of `address`, `sentinel` and `cluster`. */
export interface RedisOptions {
  readonly namespace: string
  readonly address?: RedisAddress | undefined
  readonly sentinel?:
    | {
        readonly name: string
        readonly hosts: readonly RedisAddress[]
        readonly username?: string | undefined
        readonly password?: string | undefined
      }
    | undefined
  readonly cluster?: readonly RedisAddress[] | undefined
  readonly db?: number | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: boolean | RedisTls | undefined
  /** The deadline of a command; afterwards it is unknown whether it ran. */
  readonly commandMs: number
  readonly connectMs: number
}

export type RedisClient = Client | Cluster

const reconnect = new RetryPolicy({
  clock: systemClock,
  jitter: openJitter('redis'),
  firstMs: 50,
  longestMs: 1_000,
})

export function openRedisClient(options: RedisOptions): RedisClient {
  guardRedisSockets()
  const places = [options.address, options.sentinel, options.cluster].filter(Boolean)
  if (places.length !== 1) throw unsupported('give one of url, sentinel and cluster')
  if (options.cluster !== undefined) return openCluster(options, options.cluster)
  const { address, sentinel, db = 0 } = options
  const { Redis } = redisLibrary()
  if (sentinel !== undefined) return new Redis({ ...common(options), db, ...bySentinel(options) })
  return new Redis({ ...common(options), db, ...address, retryStrategy: backOff })
}

function openCluster(options: RedisOptions, nodes: readonly RedisAddress[]): Cluster {
  if ((options.db ?? 0) !== 0) throw unsupported('a Cluster has no databases: db must be 0')
  const { Cluster } = redisLibrary()
  return new Cluster([...nodes], {
    enableOfflineQueue: false,
    clusterRetryStrategy: backOff,
    // A node that restarts with its slots sends no MOVED, so its addresses must be looked up again.
    clusterNodeRetryStrategy: backOff,
    slotsRefreshTimeout: options.connectMs,
    // Certificates are issued for names, not for the addresses they resolve to.
    ...(options.tls ? { dnsLookup: (host, found) => found(null, host) } : {}),
    redisOptions: common(options),
  })
}

function bySentinel({ sentinel, tls }: RedisOptions) {
  if (sentinel === undefined || sentinel.hosts.length === 0 || sentinel.name === '')
    throw unsupported('sentinel needs a name and hosts')
  const { name, hosts, username, password } = sentinel
  return {
    name,
    sentinels: hosts.map((host) => ({ ...host })),
    retryStrategy: backOff,
    sentinelRetryStrategy: backOff,
    // Reports a failover at once, instead of when the old main closes the connection, which a frozen one never does.
    failoverDetector: true,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls) } : {}),
  }
}

function common(options: RedisOptions) {
  const { username, password, tls, commandMs, connectMs } = options
  return {
    // Our own deadline comes first, because it knows when the process itself was late.
    commandTimeout: 3 * commandMs,
    connectTimeout: connectMs,
    // A connection to a dead peer looks like one that waits.
    socketTimeout: 4 * commandMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // After a failover without a broken connection: the main is now a replica, and the name points elsewhere.
    reconnectOnError: ({ message }: Error) => message.startsWith('READONLY'),
    connectionName: 'antikythera',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: tlsOptions(tls) } : {}),
  }
}

function tlsOptions(tls: true | RedisTls): ConnectionOptions {
  if (tls === true) return {}
  const { ca, cert, key, servername } = tls
  return {
    ...(ca === undefined ? {} : { ca: readPem(ca) }),
    ...(cert === undefined ? {} : { cert: readPem(cert) }),
    ...(key === undefined ? {} : { key: readPem(key) }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw failure('REDIS_UNSUPPORTED', `redis.tls: cannot read ${path}`, {
      details: { path },
      cause,
    })
  }
}

/** The library's attempts count from 1. It connects again without end. */
function backOff(attempt: number): number {
  return reconnect.delayMs(attempt - 1)
}

function unsupported(what: string): Error {
  return failure('REDIS_UNSUPPORTED', `redis: ${what}`)
}

/** The Redis library, loaded when a client is opened: most daemons have no Redis, and it takes a twentieth of a second. */
const require = createRequire(import.meta.url)

function redisLibrary(): typeof ioredis {
  return require('ioredis') as typeof ioredis
}

/**
 * Keeps a socket error of the Redis library from ending the process. The library listens for the first `error` of a
 * socket and not for a second one; a TLS socket has two when the server refuses us (an alert) during a write. The
 * library offers no hook for the sockets of its Sentinel clients, so its two connectors are wrapped where they are
 * loaded.
 */
interface Connector {
  readonly prototype: { connect(...args: readonly unknown[]): Promise<Socket> }
}

const connectors = ['StandaloneConnector', 'SentinelConnector']
let isDone = false

/** Idempotent; call it before the first client is created. */
function guardRedisSockets(): void {
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

/**
 * Converts an error of the library or the server to one of our codes. Redis begins an error with a word in capitals;
 * older servers wrap it in a sentence inside a script, so it is searched anywhere.
 */
const REPLIES: readonly (readonly [ErrorCode, RegExp])[] = [
  ['REDIS_REFUSED', /\b(NOPERM|WRONGPASS|NOAUTH|DENIED)\b|user executing the script can't/],
  ['REDIS_FULL', /\bOOM\b/],
  [
    'REDIS_UNAVAILABLE',
    /\b(READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS|MISCONF|UNBLOCKED)\b|max number of clients/,
  ],
]

/** The error when it cannot send at all. */
const NEVER_SENT = /enableOfflineQueue|Connection is closed|Cluster is ended|startup nodes/

export function redisFailure(error: unknown, what: string): CodedError {
  if (error instanceof CodedError) return error
  if (!(error instanceof Error)) return failure('REDIS_FAILED', `${what}: ${String(error)}`)
  const message = causeOf(error).message
  const details = { command: what, outcome: outcomeOf(error) }
  // The library explains itself by its options.
  const text = `Redis, ${what}: ${message.includes('enableOfflineQueue') ? 'there is no connection' : message}`
  const row = REPLIES.find(([, words]) => words.test(message))
  if (row !== undefined) return failure(row[0], text, { details, cause: error })
  const code = error.name === 'ReplyError' ? 'REDIS_FAILED' : 'REDIS_UNAVAILABLE'
  return failure(code, text, { details, cause: error })
}

/** A Cluster reports that all nodes failed, and keeps the reason inside. */
function causeOf(error: Error): Error {
  const inner: unknown = 'lastNodeError' in error ? error.lastNodeError : undefined
  return inner instanceof Error ? inner : error
}

function outcomeOf(error: Error): string {
  if (error.name === 'ReplyError' || NEVER_SENT.test(error.message)) return 'none'
  return 'unknown'
}
