/**
 * Feedback: one event, `{"events": […]}` or NDJSON. 202 means that what was accepted is on disk and will be learned,
 * also after a crash. Of many events the good ones are taken and the bad ones named; one event alone is refused as it is.
 */
import type { FastifyInstance } from 'fastify'
import { CodedError, type Json } from '../../contracts.ts'
import type { RawBody } from '../bodies.ts'
import type { RouteContext } from '../context.ts'
import { readFeedbackBody } from '../feedback-body.ts'
import type { ServedModel } from '../served-model.ts'
import { FeedbackAnswer, feedbackBody, ModelParams, problems } from '../schemas.ts'
import { nameLive } from './version-headers.ts'

export function addFeedbackRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'say what was right',
    tags: ['predictions'],
    params: ModelParams,
    body: feedbackBody,
    response: { 202: FeedbackAnswer, ...problems },
  }
  const most = context.limits.body_events
  app.post<{ Params: ModelParams; Body: RawBody | undefined }>(
    '/v1/models/:model/feedback',
    // Events are checked one by one, each with its own code, not by the schema.
    { schema, config: { raw: true }, validatorCompiler: () => () => true },
    async ({ params, body, headers }, reply) => {
      const model = context.modelNamed(params.model)
      nameLive(reply, model)
      const { events, single } = await readFeedbackBody(body, headers, most)
      const { accepted, duplicates, rejected, position } = await model.feedback.take(events)
      const named = rejected.map(({ index, error: { code, message } }) => ({
        index,
        code,
        message,
      }))
      const receipt = {
        accepted,
        duplicates,
        rejected: named,
        ...(position !== undefined && { position }),
        ...waitingFor(accepted, model, context),
      }
      const [refused] = rejected
      if (single && refused !== undefined) throw withReceipt(refused.error, receipt)
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
    pending: Math.max(accepted, pending + lag),
    trigger_every: every,
    trigger_rest_ms: restMs,
  }
}

/** A reader of receipts finds one in the refusal of a single event too. */
function withReceipt(error: CodedError, receipt: JsonReceipt): CodedError {
  const { code, message, details, retriable } = error
  return new CodedError(code, message, {
    retriable,
    details: { ...details, ...receipt },
    cause: error,
  })
}

type JsonReceipt = Readonly<Record<string, Json>>
