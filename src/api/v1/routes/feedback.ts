/**
 * Feedback: one event, `{"events": […]}` or NDJSON. 202 means that the accepted events are on disk and will be learned,
 * even after a crash. Of several events the valid ones are accepted and the invalid ones reported; a single invalid
 * event is refused as a whole. And the receipt of one event: what has become of it.
 */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { FeedbackAnswer, ReceiptAnswer } from '../../../client/schemas/feedback.ts'
import { defined } from '../../../platform/defined.ts'
import { entryOf, fixOf, withDetails } from '../../../platform/errors.ts'
import { asksToWait } from '../../../serving/services/feedback/source-limit.ts'
import { retryAfterSeconds } from '../../http/answer-errors.ts'
import type { Receipt } from '../../../serving/services/feedback/receipts.ts'
import type { FeedbackGate } from '../../../serving/services/feedback/feedback-gate.ts'
import type { Services } from '../../../serving/services/services.ts'
import type { RawBody } from '../../http/bodies.ts'
import { traceOf } from '../../http/trace-requests.ts'
import { readFeedbackBody } from '../feedback-body.ts'
import { addRoute } from '../route.ts'
import { feedbackBody } from '../task-schemas.ts'
import { nameLive } from '../headers-and-queries.ts'

export function addFeedbackRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'POST', '/models/:model/feedback', {
    summary: 'send feedback',
    tag: 'predictions',
    role: 'feedback',
    body: feedbackBody(services),
    answer: FeedbackAnswer,
    status: 202,
    // Events are checked one by one, each with its own code, not by the schema.
    options: { config: { raw: true }, validatorCompiler: () => () => true },
    async handle(request, reply) {
      const { params, body, headers, caller } = request
      const model = services.model(params.model)
      nameLive(reply, model)
      model.feedback.checkLearns()
      const { events, single } = await readFeedbackBody(
        body as RawBody | undefined,
        headers,
        services.limits.body_events,
      )
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
      return receipt
    },
  })
  addReceiptRoute(app, services)
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
    ...defined({ position, pending }),
    ...(trigger && { trigger_every: trigger.every, trigger_rest_ms: trigger.restMs }),
  }
}

function retractedAt(index: number) {
  return { index, status: 'retracted', code: 'RETRACTED', fix: entryOf('RETRACTED').fix }
}

const ReceiptParams = Type.Object({
  model: Type.String(),
  id: Type.String({ minLength: 1, maxLength: 256 }),
})
const ReceiptQuery = Type.Object({
  source: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'the source of the event; absent = that of feedback over HTTP without a source',
    }),
  ),
})

function addReceiptRoute(app: FastifyInstance, services: Services): void {
  addRoute(app, 'GET', '/models/:model/feedback/:id', {
    summary: 'what has become of one event of feedback',
    description:
      'exactly one state. The newest signal under the id counts; an event that its answer refused has no receipt',
    tag: 'predictions',
    // Who may send feedback may ask what became of it.
    role: ['feedback', 'read'],
    params: ReceiptParams,
    query: ReceiptQuery,
    answer: ReceiptAnswer,
    async handle({ params, query, caller }) {
      const { receipts } = services.model(params.model)
      const { sources } = caller ?? {}
      return shownReceipt(await receipts.find(params.id, { source: query.source, sources }))
    },
  })
}

function shownReceipt(receipt: Receipt) {
  const { id, source, state, version, weight, slice, timeMs, why, code, message } = receipt
  const { for: waiting_for, remembered, rollback, isOlder } = receipt
  return {
    ...{ id, source, state },
    ...defined({ waiting_for, remembered, version, weight, slice, why, message }),
    ...(timeMs !== undefined && { time: isoOf(timeMs) }),
    ...(code !== undefined && { code, fix: entryOf(code).fix }),
    ...(rollback && {
      rollback: { to: rollback.to, since: isoOf(rollback.timeMs), reason: rollback.reason },
    }),
    ...(isOlder === true && { details: 'no longer kept' }),
  }
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
