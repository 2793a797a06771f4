/** Scores a version, or two beside each other, on rows with known answers. Nothing is learned, recorded or counted. */
import type { FastifyInstance } from 'fastify'
import { fixOf } from '../../../platform/errors.ts'
import { roleTrainer } from '../../../serving/live/followed-model.ts'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { EvaluateAnswer, evaluateBody, type EvaluateBody } from '../schemas/evaluate.ts'
import { ModelParams } from '../schemas/params.ts'

export function addEvaluateRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'score a version on rows with known answers',
    tags: ['predictions'],
    params: ModelParams,
    body: evaluateBody(services.limits.inputs),
    response: { 200: EvaluateAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: EvaluateBody }>(
    '/models/:model/evaluate',
    { schema, config: { role: 'predict' } },
    async ({ params, body, over }) => {
      const { name, evaluation } = services.model(params.model)
      if (evaluation === undefined) throw roleTrainer(name)
      const { tally, report, rejected } = await evaluation.evaluate({ ...body, signal: over })
      return {
        model: name,
        version: tally.version.version,
        ...(tally.against && { against: tally.against.version }),
        rejected: rejected.map(({ index, error }) => ({
          ...{ index, code: error.code, message: error.message, fix: fixOf(error) },
        })),
        report,
        tally,
      }
    },
  )
}
