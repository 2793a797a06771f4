/** The steps around every request: refusing while draining, checking the token, measuring. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { failure } from '../../platform/errors.ts'
import { bearerGuard } from './auth.ts'
import type { Connections } from './connections.ts'
import type { HttpContext } from './options.ts'
import { hostGuard } from './host-check.ts'

export function addHooks(
  app: FastifyInstance,
  context: HttpContext,
  connections: Pick<Connections, 'isReserve'>,
): void {
  const { metrics, tokens } = context
  const guard = bearerGuard(() => (typeof tokens === 'function' ? tokens() : tokens))
  const guardHost = hostGuard(context.hosts ?? [])

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
    if (isOpen(request)) return
    if (context.isDraining()) throw failure('SHUTTING_DOWN', 'the server is stopping')
    guard(request.headers.authorization)
  })

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
}

/** Probes, and the description of the API, which contains nothing about the models. */
function isOpen({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config.probe === true || (routeOptions.url?.startsWith('/docs') ?? false)
}
