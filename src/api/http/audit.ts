/**
 * Every request to a route that needs `operate` is recorded before it is answered: who asked for what, from where, and
 * what became of it. An action is not undone because its record cannot be written: a rollback in an emergency matters
 * more, also on a full disk. Such a loss is logged and counted.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Json } from '../../contracts/core.ts'
import { RateLimiter } from '../../platform/access/rate-limiter.ts'
import type { AuditLog, AuditRecord } from '../../platform/audit/audit-log.ts'
import type { HttpContext } from './options.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the error that it is answered with. */
    failedWith: string | undefined
  }
}

/** How many refusals of one key are recorded; more would push actions out of the log. */
const REFUSALS = { per_second: 1, burst: 100 }

export function recordActions(
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
