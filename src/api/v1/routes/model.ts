/** One model: what answers, how its trainer is doing, and how good the answers are. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { describeModel } from '../describe-model.ts'
import { insist, InsistHeaders } from '../min-generation.ts'
import { ModelAnswer, ModelParams, problems } from '../schemas.ts'
import { waitFor, WaitQuery } from '../../../serving/services/wait-for.ts'
import { nameLive } from './version-headers.ts'

export function addModelRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'one model',
    tags: ['models'],
    params: ModelParams,
    headers: InsistHeaders,
    querystring: WaitQuery,
    response: { 200: ModelAnswer, ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: WaitQuery }>(
    '/v1/models/:model',
    { schema },
    async ({ params, query, headers, over }, reply) => {
      const model = context.modelNamed(params.model)
      const waitMs = context.limits.min_generation_ms
      await insist(model, headers, { waitMs, signal: over })
      await waitFor(model, query, context, over)
      nameLive(reply, model)
      return describeModel(model, context.trainer.status(model.name))
    },
  )
}
