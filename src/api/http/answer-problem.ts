/** The one place where errors become answers, and where the server's own faults are logged, once. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, CodedError, Logger } from '../../contracts/core.ts'
import { entryOf, failure } from '../../platform/errors.ts'
import { discardBody } from './discard-body.ts'
import { codedOf, PROBLEM_TYPE, problemOf, retryAfterSeconds } from './problem.ts'

export type ProblemAnswerer = (
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>

export function problemAnswerer(log: Logger, clock: Clock): ProblemAnswerer {
  return async (thrown, request, reply) => {
    const error = codedOf(thrown)
    const problem = problemOf(error, `${pathOf(request)}#${request.id}`)
    logFault(log, error, thrown, request)
    if (unread.has(error.code)) await discardBody(request.raw, clock)
    const seconds = retryAfterSeconds(error)
    if (seconds !== undefined) void reply.header('retry-after', seconds)
    if (error.code === 'AUTH_REQUIRED') void reply.header('www-authenticate', 'Bearer')
    return reply.code(problem.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(problem)
  }
}

/** Refused while the client is still sending its body. */
const unread: ReadonlySet<string> = new Set(['BODY_TOO_LARGE', 'BODY_TYPE_UNSUPPORTED'])

export async function answerNotFound(request: FastifyRequest): Promise<never> {
  throw failure('ROUTE_UNKNOWN', `there is no route ${request.method} ${pathOf(request)}`)
}

/** What the caller did wrong is told to the caller alone. */
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
