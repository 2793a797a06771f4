/** Rankings: an order of candidates with the probabilities of its draws. */
import type { FastifyInstance } from 'fastify'
import { RankAnswer, rankBody } from '../../../client/schemas/rank.ts'
import { failure } from '../../../platform/errors.ts'
import type { Services } from '../../../serving/services/services.ts'
import { traceparentOf } from '../../http/trace-requests.ts'
import { freshnessIn, InsistHeaders, nameVersion, WaitQuery } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'

export function addRankRoute(app: FastifyInstance, services: Services): void {
  addRoute(app, 'POST', '/models/:model/rank', {
    summary: 'rank candidates with a model of task: ranking',
    description:
      'Rewards are feedback: { prediction_id, item, reward }. Rewards are learned as they come at the position where an item stood; only the propensity of the first position is that of the item alone.',
    tag: 'predictions',
    role: 'predict',
    headers: InsistHeaders,
    query: WaitQuery,
    body: rankBody(services.limits.candidates),
    answer: RankAnswer,
    async handle(request, reply) {
      const { params, query, body, headers, over } = request
      const model = services.model(params.model)
      if (model.rankings === undefined)
        throw failure('REQUEST_INVALID', `${model.name} does not rank: its task is another`, {
          fix: 'ask a model with task: ranking, or use predict',
        })
      const ranked = await model.rankings.rank({
        ...{ ...freshnessIn(headers, query), ...body },
        ...{ signal: over, traceparent: traceparentOf(request) },
      })
      const { manifest, generation, arm, id, seed, items } = ranked
      const { version, digest } = manifest
      nameVersion(reply, { version, digest, generation })
      return {
        ...{ model: model.name, version, digest },
        ...(generation !== undefined && { generation }),
        ...(arm !== undefined && { arm }),
        ...{ prediction_id: id, seed },
        ranking: items.map((item, place) => ({ ...item, position: place + 1 })),
      }
    },
  })
}
