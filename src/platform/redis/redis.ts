/**
 * One connection to Redis: the only place that knows the library, so that the library can be exchanged.
 *
 * It fails fast instead of queueing, and reconnects for ever. `details.outcome` of an error says what is known about
 * the command: 'none' (it was never sent) or 'unknown' (it timed out or its connection broke, so it may still run
 * later). A daemon also starts without Redis; a permanent refusal by Redis is an error at the start, or of every later
 * command.
 */
import { rest, settles, type Clock, type CodedError, type Logger } from '../../contracts/core.ts'
import { openRedisClient, redisFailure, type RedisClient, type RedisOptions } from './client.ts'
import { checkRedis } from './start.ts'
import { setImmediate as afterReading } from 'node:timers/promises'

export type { RedisOptions } from './client.ts'

export type RedisReply = null | number | string | readonly RedisReply[]
export type RedisBytes = null | number | Buffer | readonly RedisBytes[]
export type RedisArgument = string | number | Buffer

/** A script's name appears in errors; Redis identifies it by its SHA-1 once it has seen it. */
export interface RedisScript {
  readonly name: string
  readonly lua: string
  readonly sha1: string
}

export interface Redis {
  readonly namespace: string
  /** The last known status. `refused`: Redis answers but rejects us; the log says why. */
  readonly status: 'connecting' | 'ready' | 'refused' | 'closed'
  /**
   * `<namespace>:{<tag>}:<parts>`: keys with the same tag live together in a Cluster, so that a script may touch them
   * all.
   */
  key(tag: string, ...parts: readonly string[]): string
  command(name: string, ...args: readonly RedisArgument[]): Promise<RedisReply>
  /** The same with bytes in the reply instead of text. */
  bytes(name: string, ...args: readonly RedisArgument[]): Promise<RedisBytes>
  script(
    script: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply>
  /**
   * Messages may be lost at any time: they only wake a caller that polls the truth. Returns a function that
   * unsubscribes.
   */
  subscribe(channel: string, onMessage: (message: string) => void): () => void
  close(): void
}

export async function openRedis(
  options: RedisOptions,
  parts: { readonly log: Logger; readonly clock: Clock },
): Promise<Redis> {
  const log = parts.log.child({ redis: options.namespace })
  const redis = new Connection(options, log, parts.clock)
  try {
    await redis.firstAnswer()
    return redis
  } catch (error) {
    redis.close()
    throw error
  }
}

/** Delay before repeating a failed check on a connection that stays open. */
const AGAIN_MS = 1000

class Connection implements Redis {
  readonly namespace: string
  readonly #client: RedisClient
  readonly #log: Logger
  readonly #clock: Clock
  readonly #startMs: number
  readonly #commandMs: number
  readonly #listeners = new Map<string, Set<(message: string) => void>>()
  readonly #first = openFirst()
  readonly #closing = new AbortController()
  #connections = 0
  #fault: CodedError | undefined
  #isAway = false
  #isClosed = false

  constructor(options: RedisOptions, log: Logger, clock: Clock) {
    this.namespace = options.namespace
    this.#log = log
    this.#clock = clock
    this.#commandMs = options.commandMs
    this.#startMs = options.connectMs + 4 * options.commandMs
    this.#client = openRedisClient(options)
    this.#client.on('ready', () => void this.#onReady())
    this.#client.on('error', (error: unknown) => this.#onError(error))
    this.#client.on('close', () => this.#onAway())
    this.#client.on('message', (channel: string, message: string) => {
      for (const tell of [...(this.#listeners.get(channel) ?? [])]) tell(message)
    })
  }

  get status(): Redis['status'] {
    if (this.#isClosed) return 'closed'
    if (this.#fault !== undefined) return 'refused'
    return this.#client.status === 'ready' ? 'ready' : 'connecting'
  }

  /** Waits until Redis has answered, refused or failed once; an absent Redis does not keep a daemon from starting. */
  async firstAnswer(): Promise<void> {
    if (await settles(this.#first.promise, this.#startMs, this.#clock)) return this.#first.promise
    this.#log.warn({}, 'Redis does not answer yet: continuing without it')
  }

  key(tag: string, ...parts: readonly string[]): string {
    return [`${this.namespace}:{${tag}}`, ...parts].join(':')
  }

  command(name: string, ...args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#send(name, () => this.#client.call(name, [...args])) as Promise<RedisReply>
  }

  bytes(name: string, ...args: readonly RedisArgument[]): Promise<RedisBytes> {
    return this.#send(name, () => this.#client.callBuffer(name, [...args])) as Promise<RedisBytes>
  }

  async script(
    { name, lua, sha1 }: RedisScript,
    keys: readonly string[],
    args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    const rest = [keys.length, ...keys, ...args]
    return (await this.#send(name, async () => {
      try {
        return await this.#client.call('EVALSHA', [sha1, ...rest])
      } catch (error) {
        // A restarted server or a new main has forgotten the script. Nothing ran, so sending it again is safe.
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        return this.#client.call('EVAL', [lua, ...rest])
      }
    })) as RedisReply
  }

  subscribe(channel: string, onMessage: (message: string) => void): () => void {
    const known = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, known.add(onMessage))
    if (known.size === 1 && this.status === 'ready') this.#listenTo([channel])
    return () => {
      if (!known.delete(onMessage) || known.size > 0) return
      this.#listeners.delete(channel)
      if (this.status === 'ready') this.#client.unsubscribe(channel).catch(() => undefined)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#closing.abort()
    this.#listeners.clear()
    this.#client.disconnect()
  }

  async #send(what: string, work: () => Promise<unknown>): Promise<unknown> {
    if (this.#fault !== undefined) throw this.#fault
    try {
      return await answerWithin(this.#commandMs, work())
    } catch (error) {
      throw redisFailure(error, what)
    }
  }

  /** Until a check passes or the connection closes: an open connection emits no event when it works again. */
  async #onReady(): Promise<void> {
    this.#connections += 1
    const connection = this.#connections
    const isHere = () =>
      !this.#isClosed && connection === this.#connections && this.#client.status === 'ready'
    while (isHere() && !(await this.#isWell()))
      await rest(this.#clock, AGAIN_MS, this.#closing.signal)
  }

  async #isWell(): Promise<boolean> {
    try {
      const warnings = await checkRedis(this.#client, this.namespace)
      for (const warning of warnings) this.#log.warn({}, warning)
      this.#fault = undefined
      if (this.#isAway) this.#log.info({}, 'Redis answers again')
      this.#isAway = false
      this.#listenTo([...this.#listeners.keys()])
      this.#first.resolve()
      return true
    } catch (error) {
      this.#onError(error)
      return false
    }
  }

  #onError(error: unknown): void {
    if (this.#isClosed) return
    const coded = redisFailure(error, 'connect')
    if (coded.retriable) {
      this.#onAway(coded)
      this.#first.resolve()
      return
    }
    if (this.#fault?.message !== coded.message)
      this.#log.error({ err: coded }, 'Redis rejects this daemon')
    this.#fault = coded
    this.#first.reject(coded)
  }

  /** Once per outage, however many attempts fail. */
  #onAway(error?: CodedError): void {
    if (this.#isAway || this.#isClosed) return
    this.#isAway = true
    this.#log.warn(error === undefined ? {} : { err: error }, 'Redis is away')
  }

  #listenTo(channels: readonly string[]): void {
    if (channels.length > 0) this.#client.subscribe(...channels).catch(() => undefined)
  }
}

/** Settles once: when Redis has answered, refused or failed for the first time. */
function openFirst() {
  let resolve: () => void = () => undefined
  let reject: (error: CodedError) => void = () => undefined
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // It may reject before anyone awaits it.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}

/** How often to check for arrived data: a large reply comes in pieces. */
const LOOKS = 3

/** What had arrived when a timer fired is read: this process may have been busy, and nothing was late. */
export async function afterArrived(): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) await afterReading()
}

/**
 * A deadline that allows for a busy process: one that was busy itself (training, for example) first reads what has arrived
 * meanwhile, and only then gives up. Rejects with `Command timed out`; whether the work was done is then unknown.
 */
export async function answerWithin<Answer>(waitMs: number, work: Promise<Answer>): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs)
  }).then(async () => {
    await afterArrived()
    throw new Error('Command timed out')
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
    // The slower of the two no longer matters.
    work.catch(() => undefined)
    late.catch(() => undefined)
  }
}
