/** Models: all and one, with their live version and trainer, and the quality of their answers. */
import type { FastifyInstance } from 'fastify'
import type { Answer } from '../../../client/schemas/parts.ts'
import { SourceWorths } from '../../../client/schemas/quality.ts'
import type { ModelServices } from '../../../serving/services/model-services.ts'
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
  addRoute(app, 'GET', '/models/:model/sources', {
    ...shared,
    summary: 'what each source is worth',
    description:
      'accuracy on golden or held-out rows, and that of the model without the events of one source: exact, for closed forms with exact sums',
    answer: SourceWorths,
    async handle({ params }) {
      const model = services.model(params.model)
      const { sources, ...report } = await model.worth()
      return { model: model.name, ...report, sources: sources.map(describeWorth) }
    },
  })
}

type SourceWorth = Awaited<ReturnType<ModelServices['worth']>>['sources'][number]

function describeWorth({
  with: all,
  without,
  ...source
}: SourceWorth): Answer<typeof SourceWorths>['sources'][number] {
  return {
    ...source,
    ...{ accuracy: all.accuracy, accuracy_without: without.accuracy },
    worth: all.accuracy - without.accuracy,
    ...{ loss: all.loss, loss_without: without.loss },
  }
}
