/** Every model that is served, as /v1/models/{model} shows it. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { describeModel } from '../describe-model.ts'
import { ModelsAnswer } from '../schemas.ts'

export function addModelsRoute(app: FastifyInstance, { models }: Services): void {
  const schema = {
    summary: 'every model',
    tags: ['models'],
    response: { 200: ModelsAnswer, ...problems },
  }
  app.get('/models', { schema }, async () => ({
    models: models.map((model) => describeModel(model)),
  }))
}
