/** Scores a version, or two beside each other, on rows with known answers. Nothing is learned, recorded or counted. */
import type { FastifyInstance } from 'fastify'
import { EvaluateAnswer, evaluateBody } from '../../../client/schemas/evaluate.ts'
import { fixOf } from '../../../platform/errors.ts'
import { roleTrainer } from '../../../serving/live/followed-model.ts'
import type { Services } from '../../../serving/services/services.ts'
import { addRoute } from '../route.ts'

export function addEvaluateRoute(app: FastifyInstance, services: Services): void {
  addRoute(app, 'POST', '/models/:model/evaluate', {
    summary: 'score a version on rows with known answers',
    tag: 'predictions',
    role: 'predict',
    body: evaluateBody(services.limits.inputs),
    answer: EvaluateAnswer,
    async handle({ params, body, over }) {
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
  })
}
