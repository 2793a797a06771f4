/** Models: all and one, with their live version and trainer, and the quality of their answers. */
import type { FastifyInstance } from 'fastify'
import { namedModel, type Services } from '../../../serving/services/services.ts'
import { describeDrift, describeModel, listedModel } from '../describe-model.ts'
import { addRoute } from '../route.ts'
import { modelsAnswer, oneModelAnswer, qualityAnswer } from '../task-schemas.ts'
import { freshnessIn, WaitQuery, InsistHeaders, nameLive } from '../headers-and-queries.ts'

const shared = { tag: 'models', role: 'read' } as const

export function addModelRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'GET', '/models', {
    ...shared,
    summary: 'every model',
    answer: modelsAnswer(services),
    handle: () => ({
      models: services.models.map((model) => describeModel(model, services)),
      object: 'list',
      data: services.models.map((model) => listedModel(model)),
    }),
  })
  addRoute(app, 'GET', '/models/:model', {
    ...shared,
    summary: 'one model',
    headers: InsistHeaders,
    query: WaitQuery,
    answer: oneModelAnswer(services),
    async handle({ params, query, headers, over }, reply) {
      const { model, version } = namedModel(services, params.model)
      if (version !== undefined) await model.versions.find(version)
      await model.predictions.until(freshnessIn(headers, query), over)
      nameLive(reply, model)
      return { ...describeModel(model, services), ...listedModel(model, params.model) }
    },
  })
  addRoute(app, 'GET', '/models/:model/quality', {
    ...shared,
    summary: 'quality of the answers',
    answer: qualityAnswer(services),
    handle({ params }) {
      const model = services.model(params.model)
      const { quality, alarms } = model.quality()
      return { model: model.name, ...quality, drift: alarms ? describeDrift(alarms) : null }
    },
  })
}
