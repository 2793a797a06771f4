/** Every model that is served, as /v1/models/{model} shows it. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { describeModel } from '../describe-model.ts'
import { ModelsAnswer, problems } from '../schemas.ts'

export function addModelsRoute(app: FastifyInstance, { models, trainer }: RouteContext): void {
  const schema = {
    summary: 'every model',
    tags: ['models'],
    response: { 200: ModelsAnswer, ...problems },
  }
  app.get('/v1/models', { schema }, async () => ({
    models: models.map((model) => describeModel(model, trainer.status(model.name))),
  }))
}
