/**
 * Cross-origin requests from the web pages that the config names; by default no page may read an answer. Preflights are
 * answered here, before authentication, because they carry no token.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

export interface CorsOptions {
  /** Such as https://labels.example.com; "*" = any. */
  readonly origins: readonly string[]
  /** How long a browser may cache the answer to a preflight. */
  readonly max_age_seconds: number
}

const METHODS = 'GET, HEAD, POST, PUT, DELETE'
const ASKED =
  'authorization, content-type, content-encoding, x-antikythera-min-generation, x-antikythera-key'
const SHOWN = 'x-antikythera-version, x-antikythera-digest, x-antikythera-generation, retry-after'

export function addCors(app: FastifyInstance, options: CorsOptions | undefined): void {
  if (options === undefined || options.origins.length === 0) return
  const known = new Set(options.origins)
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers
    void reply.header('vary', 'origin')
    if (origin === undefined || !(known.has(origin) || known.has('*'))) return
    void reply.header('access-control-allow-origin', origin)
    void reply.header('access-control-expose-headers', SHOWN)
    if (isPreflight(request)) return answerPreflight(reply, options.max_age_seconds)
  })
}

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
}

function answerPreflight(reply: FastifyReply, maxAgeSeconds: number): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': ASKED,
      'access-control-max-age': maxAgeSeconds,
    })
    .send()
}
