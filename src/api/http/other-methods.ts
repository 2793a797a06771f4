/** A known path with the wrong method answers METHOD_NOT_ALLOWED with the allowed ones, instead of "not found". */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../platform/errors.ts'

/** Call it before the routes are added; call the function it returns after them. */
export function watchMethods(scope: FastifyInstance): () => void {
  const allowed = new Map<string, string[]>()
  scope.addHook('onRoute', ({ routePath, prefix, method, schema }) => {
    const isOfScope = prefix === scope.prefix
    if (!isOfScope || schema?.hide === true) return
    allowed.set(routePath, [...(allowed.get(routePath) ?? []), ...[method].flat()])
  })
  return () => {
    for (const [path, methods] of allowed) refuseOthers(scope, path, methods)
  }
}

function refuseOthers(scope: FastifyInstance, path: string, methods: readonly string[]): void {
  const others = scope.supportedMethods.filter((method) => !methods.includes(method))
  scope.route({
    method: others,
    url: path,
    schema: { hide: true },
    config: { role: 'any' },
    onRequest: async (_request, reply) => {
      void reply.header('allow', methods.join(', '))
      const url = `${scope.prefix}${path}`
      throw failure('METHOD_NOT_ALLOWED', `${url} answers ${methods.join(', ')}`)
    },
    handler: async () => undefined,
  })
}
