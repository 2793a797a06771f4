/**
 * Shuts the server down without losing a request: readiness fails at once, requests in flight are answered, new ones
 * are refused with SHUTTING_DOWN, and connections end as soon as they are idle.
 *
 * Fastify's `close` alone waits for ever for a keep-alive connection that had a request in flight, because it closes
 * only connections that are idle at that moment. So every answer from now on says `Connection: close`, and idle
 * connections are closed repeatedly. Connections left at the deadline are cut.
 */
import type { FastifyInstance } from 'fastify'
import type { Clock } from '../../contracts/core.ts'

const SWEEP_MS = 50

/** Resolves when no connection is left. */
export async function drain(app: FastifyInstance, deadlineMs: number, clock: Clock): Promise<void> {
  const ended = new AbortController()
  const endMs = clock.monotonicMs() + deadlineMs
  const sweeping = sweep(app, clock, endMs, ended.signal)
  try {
    await app.close()
  } finally {
    ended.abort()
    await sweeping
  }
}

async function sweep(
  app: FastifyInstance,
  clock: Clock,
  endMs: number,
  ended: AbortSignal,
): Promise<void> {
  while (!ended.aborted) {
    await clock.sleep(SWEEP_MS, ended).catch(() => undefined)
    if (clock.monotonicMs() < endMs) app.server.closeIdleConnections()
    else app.server.closeAllConnections()
  }
}
