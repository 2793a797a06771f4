/** Every served model, in the form of /v1/models/{model}. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { describeModel, listedModel } from '../describe-model.ts'
import { modelsAnswer } from '../schemas/models.ts'

export function addModelsRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'every model',
    tags: ['models'],
    response: { 200: modelsAnswer(services), ...problems },
  }
  app.get('/models', { schema, config: { role: 'read' } }, async () => ({
    models: services.models.map((model) => describeModel(model)),
    object: 'list',
    data: services.models.map((model) => listedModel(model)),
  }))
}
