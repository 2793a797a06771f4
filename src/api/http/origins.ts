/** Which web pages may reach this server: those of other origins, and those whose name resolves to this machine. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { failure } from '../../platform/errors.ts'

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

/**
 * Cross-origin requests from the web pages that the config names; by default no page may read an answer. Preflights are
 * answered here, before authentication, because they carry no token.
 */
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

/**
 * Protects against DNS rebinding: a web page makes its own name resolve to 127.0.0.1, and its visitor's browser sends
 * requests to the daemon on that machine. These requests carry the page's name as Host, so a daemon without auth
 * answers only to its own names.
 *
 * Throws `HOST_REFUSED`. `names`, asked at each request: hosts without a port; none = every name is accepted.
 */
export function hostGuard(
  names: () => readonly string[] | undefined,
): (host: string | undefined) => void {
  return (header) => {
    const known = new Set((names() ?? []).map((name) => name.toLowerCase()))
    // A browser always sends one.
    if (known.size === 0 || header === undefined) return
    const host = nameIn(header)
    if (known.has(host) || LOOPBACK.test(host)) return
    const shown = JSON.stringify(header.slice(0, 100))
    throw failure('HOST_REFUSED', `this server does not accept the host ${shown}`, {
      details: { hosts: ['localhost', ...known] },
    })
  }
}

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** Without its port, and without the trailing dot of a full name. */
function nameIn(header: string): string {
  return header.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

/** The accepted host names; undefined = any. With auth any is safe, because a DNS-rebinding page has no key. */
export function answeredHosts(server: {
  readonly host: string
  readonly hosts: readonly string[]
  readonly auth?: object | undefined
}): readonly string[] | undefined {
  if (server.auth !== undefined && server.hosts.length === 0) return undefined
  return [server.host.includes(':') ? `[${server.host}]` : server.host, ...server.hosts]
}
