/** Every move of the live pointer, newest first, in pages: what was live from when to when, by whom and why. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { Services } from '../../../serving/services/services.ts'
import { describePast } from '../describe-model.ts'
import { limitOf, nextOf, numberIn, NumberedQuery } from '../page.ts'
import { problems } from '../../http/schemas.ts'
import { HistoryAnswer } from '../schemas/moves.ts'
import { ModelParams } from '../schemas/params.ts'

const HistoryQuery = Type.Object(
  {
    ...NumberedQuery.properties,
    version: Type.Optional(
      Type.String({ maxLength: 64, description: 'only moves under which it was live' }),
    ),
  },
  { additionalProperties: false },
)

export function addHistoryRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'moves of the live pointer, newest first',
    description:
      'in pages; limits.moves sets how many are kept. Each has the hash of itself and of the move before',
    tags: ['versions'],
    params: ModelParams,
    querystring: HistoryQuery,
    response: { 200: HistoryAnswer, ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: Static<typeof HistoryQuery> }>(
    '/models/:model/history',
    { schema, config: { role: 'read' } },
    async ({ params, query }) => {
      const { versions } = services.model(params.model)
      const wanted = { limit: limitOf(query), before: numberIn(query) }
      const { version } = query
      const page = await (version === undefined
        ? versions.history(wanted)
        : versions.historyOf(version, wanted))
      return { moves: page.items.map((move) => describePast(move)), ...nextOf(page) }
    },
  )
}
