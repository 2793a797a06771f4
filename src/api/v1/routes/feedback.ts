/**
 * Feedback: one event, `{"events": […]}` or NDJSON. 202 means that what was accepted is on disk and will be learned,
 * also after a crash. Of many events the good ones are taken and the bad ones named; one event alone is refused as it is.
 */
import type { FastifyInstance } from 'fastify'
import { fixOf, withDetails } from '../../../platform/errors.ts'
import type { RawBody } from '../../http/bodies.ts'
import type { RouteContext } from '../../http/context.ts'
import { readFeedbackBody } from '../feedback-body.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import { FeedbackAnswer, feedbackBody, ModelParams, problems } from '../schemas.ts'
import { refuseWhileFailed } from '../../../serving/services/trainer-fault.ts'
import { nameLive } from './version-headers.ts'

export function addFeedbackRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'say what was right',
    tags: ['predictions'],
    params: ModelParams,
    body: feedbackBody,
    response: { 202: FeedbackAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: RawBody | undefined }>(
    '/v1/models/:model/feedback',
    // Events are checked one by one, each with its own code, not by the schema.
    { schema, config: { raw: true }, validatorCompiler: () => () => true },
    async ({ params, body, headers }, reply) => {
      const model = context.modelNamed(params.model)
      nameLive(reply, model)
      refuseWhileFailed(model.name, context.trainer.status(model.name))
      const { events, single } = await readFeedbackBody(body, headers, context.limits.body_events)
      const { accepted, duplicates, rejected, retracted, position } =
        await model.feedback.take(events)
      const named = rejected.map(({ index, error }) => ({
        ...{ index, code: error.code, message: error.message },
        fix: fixOf(error),
      }))
      const receipt = {
        accepted,
        duplicates,
        rejected: named,
        ...(retracted !== undefined && { retracted }),
        ...(position !== undefined && { position }),
        ...waitingFor(accepted, model, context),
      }
      const [refused] = rejected
      // A reader of receipts finds one in the refusal of a single event too.
      if (single && refused !== undefined) throw withDetails(refused.error, receipt)
      return reply.code(202).send(receipt)
    },
  )
}

/** How far the next update is. What was accepted just now waits for it at least. */
function waitingFor(accepted: number, { name, trigger }: ServedModel, { trainer }: RouteContext) {
  if (trigger === undefined) return {}
  const { pending, lag } = trainer.status(name)
  const { every, restMs } = trigger
  return {
    pending: Math.max(accepted, trainer.unlearned?.(name) ?? pending + lag),
    trigger_every: every,
    trigger_rest_ms: restMs,
  }
}
