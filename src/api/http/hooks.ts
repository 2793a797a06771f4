/** The steps around every request: refusing while draining, finding the caller and what it may do, measuring. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { failure } from '../../platform/errors.ts'
import type { RouteRole } from '../../platform/access/keys.ts'
import { RateLimiter } from '../../platform/access/rate-limiter.ts'
import type { Json } from '../../contracts/core.ts'
import type { AuditLog, AuditRecord } from '../../platform/audit/audit-log.ts'
import { callerFinder, checkRole, isOpen, requireRoles, type Caller } from './auth.ts'
import { codedOf } from './answer-errors.ts'
import type { Connections } from './connections.ts'
import type { HttpContext } from './options.ts'
import { hostGuard } from './origins.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined before it is known, and on open routes. */
    caller: Caller | undefined
    /** The code of the error that it is answered with. */
    failedWith: string | undefined
  }
}

export function addHooks(
  app: FastifyInstance,
  context: HttpContext,
  connections: Pick<Connections, 'isReserve'>,
): CallerCheck {
  const { metrics } = context
  const callerOf = callerFinder(context.auth)
  const limitRate = rateGuard(context)
  const guardHost = hostGuard(context.hosts ?? (() => undefined))

  requireRoles(app)
  app.decorateRequest('caller', undefined)
  app.decorateRequest('failedWith', undefined)

  app.addHook('onRequest', async (request) => {
    // No name contains one, and a text column ends there.
    if (request.url.includes('%00')) throw failure('REQUEST_INVALID', 'the URL contains a NUL')
    if (request.routeOptions.config.probe === true) return
    if (connections.isReserve(request.raw.socket))
      throw failure(
        'CONNECTIONS_FULL',
        'all connections are taken; this one is reserved for probes',
      )
    guardHost(request.headers.host)
    const { url, config } = request.routeOptions
    if (isOpen(url, config)) return
    if (context.isDraining()) throw failure('SHUTTING_DOWN', 'the server is stopping')
    const caller = callerOf(request.headers.authorization)
    request.caller = caller
    limitRate(caller)
    checkRole(caller, roleOf(request))
  })

  if (context.audit !== undefined) recordActions(app, context.audit, context)

  // A connection that stays open would keep the server from ending.
  app.addHook('onSend', async ({ raw }, reply) => {
    if (context.isDraining() || connections.isReserve(raw.socket))
      void reply.header('connection', 'close')
  })

  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown'
    const { method } = request
    metrics.count('requests', { route, method, status: reply.statusCode })
    metrics.observe('requestSeconds', { route, method }, reply.elapsedTime / 1000)
  })

  return (request) => {
    if (request.caller === undefined) return undefined
    try {
      checkRole(callerOf(request.headers.authorization), roleOf(request))
      return undefined
    } catch (error) {
      return codedOf(error)
    }
  }
}

/** Why the caller of an open request may not ask for it any more; undefined: it may. */
export type CallerCheck = (request: FastifyRequest) => Error | undefined

/** Unknown routes are reported to every known caller. */
function roleOf({ routeOptions: { url, config } }: FastifyRequest): RouteRole {
  return url === undefined ? 'any' : (config.role ?? 'operate')
}

/** Throws `RATE_LIMITED`. */
function rateGuard({ keyRate, limits, metrics, clock }: HttpContext): (caller: Caller) => void {
  const limiter = new RateLimiter({ clock, names: () => limits.rate_limited_names })
  metrics.onScrape(() => {
    metrics.gauge('rateLimitedNames', { kind: 'key' }, limiter.size)
  })
  return ({ name, rate = keyRate?.() }) => {
    const refused = rate && limiter.take(name, rate)
    if (refused === undefined) return
    metrics.count('rateLimitedRequests', { key: name })
    throw failure('RATE_LIMITED', `${name} may send ${rate?.per_second} requests per second`, {
      details: { key: name, retry_after_ms: Math.ceil(refused.waitMs) },
    })
  }
}

/** How many refusals of one key are recorded; more would push actions out of the log. */
const REFUSALS = { per_second: 1, burst: 100 }

/**
 * Every request to a route that needs `operate` is recorded before it is answered: who asked for what, from where, and
 * what became of it. An action is not undone because its record cannot be written: a rollback in an emergency matters
 * more, also on a full disk. Such a loss is logged and counted.
 */
function recordActions(
  app: FastifyInstance,
  audit: AuditLog,
  { metrics, log, clock, limits }: HttpContext,
): void {
  const refusals = new RateLimiter({ clock, names: () => limits.rate_limited_names })
  app.addHook('onSend', async (request, reply) => {
    const { caller, routeOptions } = request
    if (routeOptions.config.role !== 'operate' || caller === undefined) return
    const isRefused = reply.statusCode === 403 || reply.statusCode === 429
    if (isRefused && refusals.take(caller.name, REFUSALS) !== undefined) {
      metrics.count('auditRecords', { result: 'left_out' })
      return
    }
    const time = new Date(clock.nowMs()).toISOString()
    const record = recordOf(request, { time, key: caller.name, status: reply.statusCode })
    try {
      await audit.write(record)
      metrics.count('auditRecords', { result: 'written' })
    } catch (error) {
      metrics.count('auditRecords', { result: 'failed' })
      log.error({ err: error, record }, 'an action is not in the audit log')
    }
  })
  metrics.onScrape(() => {
    metrics.gauge('auditBytes', {}, audit.bytes())
  })
}

function recordOf(
  request: FastifyRequest,
  facts: Pick<AuditRecord, 'time' | 'key' | 'status'>,
): AuditRecord {
  const { 'x-forwarded-for': forwarded } = request.headers
  const { time, key, status } = facts
  return {
    ...{ time, key, method: request.method, path: shortened(request.url) },
    from: request.ip,
    ...(forwarded !== undefined && { forwarded_for: shortened(String(forwarded)) }),
    ...{ request: request.id, status },
    ...(request.failedWith !== undefined && { code: request.failedWith }),
    ...(request.body !== undefined && { body: bodyOf(request.body as Json) }),
  }
}

const MOST_CHARACTERS = 2000

function shortened(text: string): string {
  return text.slice(0, 200)
}

/** A long one, such as a list of ids, as the beginning of its text. */
function bodyOf(body: Json): Json {
  const text = JSON.stringify(body)
  return text.length <= MOST_CHARACTERS ? body : `${text.slice(0, MOST_CHARACTERS)}…`
}
