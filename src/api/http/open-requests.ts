/** The requests that are not over: how long each may take, and how they end when the server stops. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { rest, type Clock } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Aborts when the answer is sent or can no longer reach the client, and when the server cannot wait for it. */
    over: AbortSignal
  }
}

/** The requests that are not over. */
interface OpenRequests {
  /** Ends their work with this error: what has no answer yet is answered with it, and a stream ends with it. */
  end(error: Error): void
  /** The same for each one that has an error. */
  endIf(errorOf: (request: FastifyRequest) => Error | undefined): void
}

/**
 * How long a request may take here, and whether anybody still waits for its answer.
 *
 * Fastify has both (`handlerTimeout`, `request.signal`), but ties them to the end of the request's body: on Node 20 its
 * timer is cleared, and its signal aborted, as soon as the body has been read.
 */
export function addDeadline(app: FastifyInstance, limitMs: number, clock: Clock): OpenRequests {
  const open = new Map<AbortController, FastifyRequest>()
  const deadlines = new Deadlines(limitMs, clock)
  app.decorateRequest('over')
  app.addHook('onRequest', async (request, reply) => {
    const over = new AbortController()
    request.over = over.signal
    open.set(over, request)
    deadlines.add(reply)
    reply.raw.once('close', () => {
      open.delete(over)
      deadlines.remove(reply)
      over.abort(gone)
    })
  })
  app.addHook('onClose', async () => {
    deadlines.close()
  })
  const endIf: OpenRequests['endIf'] = (errorOf) => {
    for (const [over, request] of open) {
      const error = errorOf(request)
      if (error !== undefined) over.abort(error)
    }
  }
  return {
    endIf,
    end: (error) => {
      endIf(() => error)
    },
  }
}

/** One for all requests: every answer aborts its signal, and an error of its own would cost more than the rest of that. */
const gone = failure('CLIENT_GONE', 'the connection ended before the answer')

/**
 * The requests without an answer, oldest first. All have the same limit, so one timer, for the oldest, is enough: to start
 * and abort one for each took a tenth of the processor time of a short request.
 */
class Deadlines {
  readonly #limitMs: number
  readonly #clock: Clock
  /** Reply → when it is late. */
  readonly #open = new Map<FastifyReply, number>()
  readonly #stop = new AbortController()
  #isWatching = false
  #isClosing = false

  constructor(limitMs: number, clock: Clock) {
    this.#limitMs = limitMs
    this.#clock = clock
  }

  add(reply: FastifyReply): void {
    this.#open.set(reply, this.#clock.monotonicMs() + this.#limitMs)
    if (!this.#isWatching) void this.#watch()
  }

  remove(reply: FastifyReply): void {
    this.#open.delete(reply)
    this.#stopAtEnd()
  }

  /** Requests that are not answered yet keep their deadline. */
  close(): void {
    this.#isClosing = true
    this.#stopAtEnd()
  }

  #stopAtEnd(): void {
    if (this.#isClosing && this.#open.size === 0) this.#stop.abort()
  }

  async #watch(): Promise<void> {
    this.#isWatching = true
    for (let oldest = this.#oldest; oldest !== undefined; oldest = this.#oldest) {
      const [reply, lateMs] = oldest
      const leftMs = lateMs - this.#clock.monotonicMs()
      if (leftMs <= 0) this.#answer(reply)
      // Only the end interrupts it, when nothing is left to answer.
      else await rest(this.#clock, leftMs, this.#stop.signal)
    }
    this.#isWatching = false
  }

  get #oldest(): readonly [FastifyReply, number] | undefined {
    const { value } = this.#open.entries().next()
    return value
  }

  #answer(reply: FastifyReply): void {
    this.#open.delete(reply)
    // An answer that has begun, such as a stream of events, is not replaced.
    if (reply.sent || reply.raw.headersSent) return
    const message = `the request was not answered within ${this.#limitMs} ms`
    void reply.send(failure('DEADLINE_EXCEEDED', message))
  }
}

const SWEEP_MS = 50

export interface DrainedServer {
  readonly app: FastifyInstance
  readonly requests: OpenRequests
}

/**
 * Shuts the server down without losing a request: readiness fails at once, requests in flight are answered, new ones
 * are refused with SHUTTING_DOWN, and connections end as soon as they are idle.
 *
 * Fastify's `close` alone waits for ever for a keep-alive connection that had a request in flight, because it closes
 * only connections that are idle at that moment. So every answer from now on says `Connection: close`, and idle
 * connections are closed repeatedly. At the deadline the requests that are left end with SHUTTING_DOWN, a stream of tokens too,
 * and connections that are still there after that are cut.
 *
 * Resolves when no connection is left.
 */
export async function drain(
  { app, requests }: DrainedServer,
  deadlineMs: number,
  clock: Clock,
): Promise<void> {
  const ended = new AbortController()
  const endMs = clock.monotonicMs() + deadlineMs
  const sweeping = sweep({ app, requests }, clock, endMs, ended.signal)
  try {
    await app.close()
  } finally {
    ended.abort()
    await sweeping
  }
}

async function sweep(
  { app, requests }: DrainedServer,
  clock: Clock,
  endMs: number,
  ended: AbortSignal,
): Promise<void> {
  let isLate = false
  while (await rest(clock, SWEEP_MS, ended)) {
    app.server.closeIdleConnections()
    if (isLate) app.server.closeAllConnections()
    isLate = clock.monotonicMs() >= endMs
    if (isLate) requests.end(failure('SHUTTING_DOWN', 'the server stopped before this was done'))
  }
}
