/** Quality of the answers: what the task reports, and each source of events. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { describeDrift } from '../describe-model.ts'
import { qualityAnswer } from '../schemas/quality.ts'
import { ModelParams } from '../schemas/params.ts'

export function addQualityRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'quality of the answers',
    tags: ['models'],
    params: ModelParams,
    response: { 200: qualityAnswer(services), ...problems },
  }
  app.get<{ Params: ModelParams }>(
    '/models/:model/quality',
    { schema, config: { role: 'read' } },
    ({ params }) => {
      const model = services.model(params.model)
      const { quality, alarms } = model.quality()
      return { model: model.name, ...quality, drift: alarms ? describeDrift(alarms) : null }
    },
  )
}
