/** How good the answers are: by label, by source, against baselines, and whether scores mean what they say. */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../../platform/errors.ts'
import type { RouteContext } from '../../http/context.ts'
import { describeDrift } from '../describe-model.ts'
import { ModelParams, problems, QualityAnswer } from '../schemas.ts'

export function addQualityRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'how good its answers are',
    tags: ['models'],
    params: ModelParams,
    response: { 200: QualityAnswer, ...problems },
  }
  app.get<{ Params: ModelParams }>('/v1/models/:model/quality', { schema }, ({ params }) => {
    const { name } = context.modelNamed(params.model)
    const { quality, alarms } = context.trainer.status(name)
    if (quality === undefined)
      throw failure('NOT_READY', `the trainer of ${name} has not reported its quality yet`)
    return { model: name, ...quality, drift: alarms ? describeDrift(alarms) : null }
  })
}
