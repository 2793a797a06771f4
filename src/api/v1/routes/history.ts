/** Every move of the live pointer, newest first, a page at a time: what was made live, when, by whom and why. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { RouteContext } from '../../http/context.ts'
import { describePointer } from '../describe-model.ts'
import { limitOf, pageOf, PageQuery } from '../page.ts'
import { HistoryAnswer, ModelParams, problems } from '../schemas.ts'

const HistoryQuery = Type.Object(
  { ...PageQuery.properties, before: Type.Optional(Type.String({ pattern: '^[0-9]{1,15}$' })) },
  { additionalProperties: false },
)

export function addHistoryRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'moves of the live pointer, newest first',
    description: 'a page at a time; limits.moves says how many are remembered',
    tags: ['versions'],
    params: ModelParams,
    querystring: HistoryQuery,
    response: { 200: HistoryAnswer, ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: Static<typeof HistoryQuery> }>(
    '/v1/models/:model/history',
    { schema },
    async ({ params, query }) => {
      const { registry } = context.modelNamed(params.model)
      const limit = limitOf(query)
      const before = query.before === undefined ? undefined : Number(query.before)
      const found = await registry.history(limit + 1, before)
      const { items, next } = pageOf(found, limit, ({ generation }) => String(generation))
      return { moves: items.map((move) => describePointer(move)), ...next }
    },
  )
}
