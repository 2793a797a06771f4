/** The accuracy of each slice, or of each source, over the life of this server: asked for when a person chooses it. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../serving/services/services.ts'

const PartsQuery = Type.Object(
  { model: Type.String(), by: Type.Union([Type.Literal('slice'), Type.Literal('source')]) },
  { additionalProperties: false },
)

export function addPartsRoute(scope: FastifyInstance, services: Services): void {
  scope.get<{ Querystring: Static<typeof PartsQuery> }>(
    '/dashboard/parts',
    { schema: { querystring: PartsQuery }, config: { role: 'read' } },
    async ({ query }, reply) => {
      const { name } = services.model(query.model)
      void reply.header('cache-control', 'no-store')
      return services.series.parts(name, query.by)
    },
  )
}
