/** A known path with another method says METHOD_NOT_ALLOWED and which ones are, rather than "not found". */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../platform/errors.ts'

/** Call before the routes are added; call what it returns after them. */
export function watchMethods(app: FastifyInstance): () => void {
  const allowed = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method, schema }) => {
    if (schema?.hide === true) return
    allowed.set(url, [...(allowed.get(url) ?? []), ...[method].flat()])
  })
  return () => {
    for (const [url, methods] of allowed) refuseOthers(app, url, methods)
  }
}

function refuseOthers(app: FastifyInstance, url: string, methods: readonly string[]): void {
  const others = app.supportedMethods.filter((method) => !methods.includes(method))
  app.route({
    method: others,
    url,
    schema: { hide: true },
    onRequest: async (_request, reply) => {
      void reply.header('allow', methods.join(', '))
      throw failure('METHOD_NOT_ALLOWED', `${url} answers ${methods.join(', ')}`)
    },
    handler: async () => undefined,
  })
}
