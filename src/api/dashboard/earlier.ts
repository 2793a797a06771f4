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
      const { versions, task } = services.model(query.model)
      const { items } = await versions.list({ limit: MOST })
      const isScore = task.view.headline?.measure === undefined
      const points = items
        .map(({ manifest }) => manifest)
        .filter(({ scores }) => scores.count > 0)
        .flatMap(({ created, scores, headline }) => {
          const value = isScore ? scores.accuracy_recent : headline?.value
          const timeMs = Date.parse(created)
          return value === undefined ? [] : [{ timeMs, value, count: scores.count }]
        })
      void reply.header('cache-control', 'no-store')
      return { points: points.reverse() }
    },
  )
}
