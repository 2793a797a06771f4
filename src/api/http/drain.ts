/**
 * Shuts the server down without losing a request: readiness fails at once, requests in flight are answered, new ones
 * are refused with SHUTTING_DOWN, and connections end as soon as they are idle.
 *
 * Fastify's `close` alone waits for ever for a keep-alive connection that had a request in flight, because it closes
 * only connections that are idle at that moment. So every answer from now on says `Connection: close`, and idle
 * connections are closed repeatedly. At the deadline the requests that are left end with SHUTTING_DOWN, a stream of tokens too,
 * and connections that are still there after that are cut.
 */
import type { FastifyInstance } from 'fastify'
import { rest, type Clock } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { OpenRequests } from './deadline.ts'

const SWEEP_MS = 50

export interface DrainedServer {
  readonly app: FastifyInstance
  readonly requests: OpenRequests
}

/** Resolves when no connection is left. */
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
