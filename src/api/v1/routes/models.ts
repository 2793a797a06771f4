/** Every served model, in the form of /v1/models/{model}. */
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
