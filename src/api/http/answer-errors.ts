/** The one place where errors become answers, in the format of a surface, and where the server's own faults are logged, once. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { rest, type Clock, type CodedError, type Logger } from '../../contracts/core.ts'
import { entryOf, failure } from '../../platform/errors.ts'
import type { ErrorFormat } from '../surface.ts'
import { codedOf } from './coded-of.ts'
import type { IncomingMessage } from 'node:http'

export type ErrorAnswerer = (
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>

interface Around {
  readonly log: Logger
  readonly clock: Clock
}

/** In this scope; `unknown`: unknown routes included, where no scope around it has answered for its prefix already. */
export function answerErrors(
  scope: FastifyInstance,
  format: ErrorFormat,
  around: Around,
  { unknown = true } = {},
): void {
  scope.setErrorHandler(errorAnswerer(format, around))
  if (!unknown) return
  scope.setNotFoundHandler(async (request) => {
    throw failure('ROUTE_UNKNOWN', `there is no route ${request.method} ${pathOf(request)}`)
  })
}

export function errorAnswerer(format: ErrorFormat, { log, clock }: Around): ErrorAnswerer {
  return async (thrown, request, reply) => {
    const error = codedOf(thrown)
    const { status, body } = format.render(error, `${pathOf(request)}#${request.id}`)
    request.failedWith = error.code
    logFault(log, error, thrown, request)
    if (unread.has(error.code)) await discardBody(request.raw, clock)
    const seconds = retryAfterSeconds(error)
    if (seconds !== undefined) void reply.header('retry-after', seconds)
    void reply.header('x-content-type-options', 'nosniff')
    if (error.code === 'AUTH_REQUIRED') void reply.header('www-authenticate', 'Bearer')
    return reply.code(status).type(format.contentType).serializer(JSON.stringify).send(body)
  }
}

/** Refused while the client is still sending its body. */
const unread: ReadonlySet<string> = new Set(['BODY_TOO_LARGE', 'BODY_TYPE_UNSUPPORTED'])

/** For `Retry-After`: seconds until a refused request may be repeated. */
export function retryAfterSeconds(error: CodedError): number | undefined {
  const { status } = entryOf(error.code)
  if (!error.retriable || (status !== 429 && status !== 503)) return undefined
  const { retry_after_ms: ms } = error.details
  return typeof ms === 'number' ? Math.ceil(ms / 1000) : 1
}

/** Errors of the caller are logged at debug level only. */
function logFault(log: Logger, error: CodedError, thrown: unknown, request: FastifyRequest): void {
  const { code } = error
  const place = { request: request.id, method: request.method, path: pathOf(request), code }
  if (entryOf(code).status >= 500 && !error.retriable) {
    log.error({ ...place, err: error.code === 'INTERNAL' ? thrown : error }, 'request failed')
  } else log.debug({ ...place, detail: error.message }, 'request refused')
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0]?.slice(0, 200) ?? ''
}

const MOST_BYTES = 64 * 1024 * 1024
const MOST_MS = 5000

/**
 * Reads and discards what a client is still sending after it was refused. Closing a connection with unread bytes resets
 * it, and the client would see the reset instead of the answer. Bounded in bytes and in time.
 */
async function discardBody(request: IncomingMessage, clock: Clock): Promise<void> {
  if (request.complete || request.destroyed) return
  const done = new AbortController()
  const finish = () => done.abort()
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MOST_BYTES) finish()
  })
  for (const event of ['end', 'close', 'error']) request.once(event, finish)
  request.resume()
  await rest(clock, MOST_MS, done.signal)
  request.pause()
}
