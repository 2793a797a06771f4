/**
 * Feedback: one event, `{"events": […]}` or NDJSON. 202 means that the accepted events are on disk and will be learned,
 * even after a crash. Of several events the valid ones are accepted and the invalid ones reported; a single invalid
 * event is refused as a whole.
 */
import type { FastifyInstance } from 'fastify'
import { entryOf, fixOf, withDetails } from '../../../platform/errors.ts'
import { asksToWait } from '../../../serving/services/feedback/source-limit.ts'
import { retryAfterSeconds } from '../../http/answer-errors.ts'
import type { FeedbackGate } from '../../../serving/services/feedback/feedback-gate.ts'
import type { Services } from '../../../serving/services/services.ts'
import type { RawBody } from '../../http/bodies.ts'
import { problems } from '../../http/schemas.ts'
import { traceOf } from '../../http/trace-requests.ts'
import { readFeedbackBody } from '../feedback-body.ts'
import { FeedbackAnswer, feedbackBody } from '../schemas/feedback.ts'
import { ModelParams } from '../schemas/params.ts'
import { nameLive } from './version-headers.ts'

export function addFeedbackRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'send feedback',
    tags: ['predictions'],
    params: ModelParams,
    body: feedbackBody(services),
    response: { 202: FeedbackAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: RawBody | undefined }>(
    '/models/:model/feedback',
    // Events are checked one by one, each with its own code, not by the schema.
    { schema, config: { role: 'feedback', raw: true }, validatorCompiler: () => () => true },
    async (request, reply) => {
      const { params, body, headers, caller } = request
      const model = services.model(params.model)
      nameLive(reply, model)
      model.feedback.checkLearns()
      const { events, single } = await readFeedbackBody(body, headers, services.limits.body_events)
      const given = await model.feedback.give(events, {
        sources: caller?.sources,
        trace: traceOf(request),
      })
      const receipt = shown(given, single)
      const [refused] = given.rejected
      // A client that reads receipts finds one in the refusal of a single event too.
      if (single && refused !== undefined) throw withDetails(refused.error, receipt)
      const waits = given.rejected.filter(({ error }) => asksToWait(error))
      const [limited] = waits
      // Nothing came through: a client that knows nothing of receipts waits too.
      if (limited && waits.length === events.length) throw withDetails(limited.error, receipt)
      if (limited) void reply.header('retry-after', retryAfterSeconds(limited.error))
      return reply.code(202).send(receipt)
    },
  )
}

function shown(given: Awaited<ReturnType<FeedbackGate['give']>>, single: boolean) {
  const { accepted, duplicates, rejected, ids, retracted, position, pending, trigger } = given
  return {
    accepted,
    duplicates,
    rejected: rejected.map(({ index, error }) => ({
      ...{ index, code: error.code, message: error.message },
      fix: fixOf(error),
    })),
    ...(ids && { ids: [...ids] }),
    ...(retracted && { retracted: retracted.length, receipts: retracted.map(retractedAt) }),
    ...(retracted && single && { status: 'retracted' }),
    ...(position !== undefined && { position }),
    ...(pending !== undefined && { pending }),
    ...(trigger && { trigger_every: trigger.every, trigger_rest_ms: trigger.restMs }),
  }
}

function retractedAt(index: number) {
  return { index, status: 'retracted', code: 'RETRACTED', fix: entryOf('RETRACTED').fix }
}
