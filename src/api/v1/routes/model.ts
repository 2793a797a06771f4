/** One model: its live version, its trainer, and its quality. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { namedModel } from '../../../serving/services/named-model.ts'
import { describeModel, listedModel } from '../describe-model.ts'
import { InsistHeaders } from '../min-generation.ts'
import { ModelParams } from '../schemas/params.ts'
import { oneModelAnswer } from '../schemas/models.ts'
import { freshnessIn, WaitQuery } from '../wait-for.ts'
import { nameLive } from './version-headers.ts'

export function addModelRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'one model',
    tags: ['models'],
    params: ModelParams,
    headers: InsistHeaders,
    querystring: WaitQuery,
    response: { 200: oneModelAnswer(services), ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: WaitQuery }>(
    '/models/:model',
    { schema, config: { role: 'read' } },
    async ({ params, query, headers, over }, reply) => {
      const { model, version } = namedModel(services, params.model)
      if (version !== undefined) await model.versions.find(version)
      await model.predictions.until(freshnessIn(headers, query), over)
      nameLive(reply, model)
      return { ...describeModel(model), ...listedModel(model, params.model) }
    },
  )
}
