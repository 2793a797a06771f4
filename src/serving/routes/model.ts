/** One model: what answers, how its trainer is doing, and how good the answers are. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../context.ts'
import { describeModel } from '../describe-model.ts'
import { ModelAnswer, ModelParams, problems } from '../schemas.ts'

export function addModelRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'one model',
    tags: ['models'],
    params: ModelParams,
    response: { 200: ModelAnswer, ...problems },
  }
  app.get<{ Params: ModelParams }>('/v1/models/:model', { schema }, async ({ params }) => {
    const model = context.modelNamed(params.model)
    return describeModel(model, context.trainer.status(model.name))
  })
}
