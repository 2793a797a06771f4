/** The scores of the newest versions: the line begins with them, as far as it shows a time before this server started. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../serving/services/services.ts'

const EarlierQuery = Type.Object({ model: Type.String() }, { additionalProperties: false })
/** More would lie on top of each other on the line. */
const MOST = 100

export function addEarlierRoute(scope: FastifyInstance, services: Services): void {
  scope.get<{ Querystring: Static<typeof EarlierQuery> }>(
    '/dashboard/earlier',
    { schema: { querystring: EarlierQuery }, config: { role: 'read' } },
    async ({ query }, reply) => {
      const { items } = await services.model(query.model).versions.list({ limit: MOST })
      const points = items
        .map(({ manifest }) => manifest)
        .filter(({ scores }) => scores.count > 0)
        .map(({ created, scores }) => ({
          timeMs: Date.parse(created),
          accuracy: scores.accuracy_recent,
        }))
      void reply.header('cache-control', 'no-store')
      return { points: points.reverse() }
    },
  )
}
