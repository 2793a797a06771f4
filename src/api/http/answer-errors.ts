/** The one place where errors become answers, in the format of a surface, and where the server's own faults are logged, once. */
import type { IncomingMessage } from 'node:http'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  FastifySchemaValidationError,
} from 'fastify'
import { rest, CodedError, type Clock, type Logger } from '../../contracts/core.ts'
import { entryOf, failure, type ErrorCode } from '../../platform/errors.ts'
import type { ErrorFormat } from '../surface.ts'

/**
 * Converts anything thrown to one of our codes: Fastify's refusals by their own codes, unknown errors as internal
 * errors.
 */
export function codedOf(error: unknown): CodedError {
  if (error instanceof CodedError) return error
  const { code, statusCode, message } = asFastifyError(error)
  const refused = refusedBody(error)
  if (refused !== undefined) return refused
  const known = Object.hasOwn(FASTIFY_CODES, code) ? FASTIFY_CODES[code] : undefined
  if (known !== undefined) return failure(known, message, { cause: error })
  const isCallers = statusCode >= 400 && statusCode < 500
  if (isCallers) return failure('REQUEST_INVALID', message, { cause: error })
  return failure('INTERNAL', 'an unexpected server error', { cause: error })
}

const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'BODY_TYPE_UNSUPPORTED',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BODY_MALFORMED',
  FST_ERR_HANDLER_TIMEOUT: 'DEADLINE_EXCEEDED',
  FST_ERR_VALIDATION: 'REQUEST_INVALID',
}

interface FastifyError {
  readonly code: string
  readonly statusCode: number
  readonly message: string
}

function asFastifyError(error: unknown): FastifyError {
  const { code, statusCode, message } = Object(error) as Partial<
    Record<keyof FastifyError, unknown>
  >
  return {
    code: typeof code === 'string' ? code : '',
    statusCode: typeof statusCode === 'number' ? statusCode : 500,
    message: typeof message === 'string' ? message : 'the request cannot be processed',
  }
}

/** A body that does not have its schema, with the first place. Of a field that may also be null, null is not mentioned. */
function refusedBody(error: unknown): CodedError | undefined {
  const { validation, validationContext } = Object(error) as {
    readonly validation?: readonly FastifySchemaValidationError[]
    readonly validationContext?: string
  }
  if (validationContext !== 'body' || !Array.isArray(validation)) return undefined
  const faults = validation as readonly FastifySchemaValidationError[]
  const { message } = requestFault(faults, 'body')
  const pointer = (faults.find(isTelling) ?? faults[0])?.instancePath ?? ''
  const details = pointer === '' ? {} : { pointer }
  return failure('REQUEST_INVALID', message, { cause: error, details })
}

/**
 * What is wrong with a request, for the person who wrote it: which field there is not, which values there are, and how a
 * time is written. A schema says only that it does not match.
 *
 * `part`: of the request, such as body or querystring.
 */
export function requestFault(errors: readonly FastifySchemaValidationError[], part: string): Error {
  const telling = errors.filter(isTelling)
  const said = (telling.length > 0 ? telling : errors).map(
    (error) => `${part}${error.instancePath} ${wrongIn(error, errors)}`,
  )
  return new Error([...new Set(said)].join(', '))
}

/** Not that a choice fits nowhere, nor that there might be nothing at all. */
function isTelling({ keyword, params }: FastifySchemaValidationError): boolean {
  return keyword !== 'anyOf' && !(keyword === 'type' && params.type === 'null')
}

function wrongIn(
  error: FastifySchemaValidationError,
  errors: readonly FastifySchemaValidationError[],
): string {
  const { keyword, params, message = 'is not valid' } = error
  if (keyword === 'additionalProperties')
    return `must not have the field ${String(params.additionalProperty)}`
  if (keyword === 'format' && params.format === 'date-time')
    return 'must be a time such as 2026-11-24T10:00:00Z'
  if (keyword === 'enum') return oneOf([params.allowedValues].flat())
  if (keyword !== 'const') return message
  const others = errors.filter(
    (each) => each.keyword === 'const' && each.instancePath === error.instancePath,
  )
  return oneOf(others.map((each) => each.params.allowedValue))
}

function oneOf(values: readonly unknown[]): string {
  return `must be ${values.length > 1 ? 'one of ' : ''}${values.map(String).join(', ')}`
}

type ErrorAnswerer = (
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
