/** The receipt of one event of feedback: what has become of it. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import type { LoggedReceipt } from '../../../checkpoint/event-log/receipts.ts'
import type { Receipt } from '../../../serving/services/feedback/receipts.ts'
import type { Services } from '../../../serving/services/services.ts'
import { entryOf } from '../../../platform/errors.ts'
import { problems } from '../../http/schemas.ts'
import { ModelParams } from '../schemas/params.ts'
import { ReceiptAnswer } from '../schemas/feedback.ts'

const ReceiptParams = Type.Intersect([
  ModelParams,
  Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) }),
])
const ReceiptQuery = Type.Object({
  source: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      description: 'the source of the event; absent = that of feedback over HTTP without a source',
    }),
  ),
})

export function addReceiptRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'what has become of one event of feedback',
    description:
      'exactly one state. The newest signal under the id counts; an event that its answer refused has no receipt',
    tags: ['predictions'],
    params: ReceiptParams,
    querystring: ReceiptQuery,
    response: { 200: ReceiptAnswer, ...problems },
  }
  app.get<{ Params: Static<typeof ReceiptParams>; Querystring: Static<typeof ReceiptQuery> }>(
    '/models/:model/feedback/:id',
    // Who may send feedback may ask what became of it.
    { schema, config: { role: ['feedback', 'read'] } },
    async ({ params, query, caller }) => {
      const { receipts } = services.model(params.model)
      const { sources } = caller ?? {}
      return shown(await receipts.find(params.id, { source: query.source, sources }))
    },
  )
}

/** Each state says some of these. */
interface Said extends Pick<LoggedReceipt, 'version' | 'weight' | 'slice' | 'timeMs'> {
  readonly state: string
  readonly for?: 'prediction' | 'update'
  readonly why?: string
  readonly code?: string
  readonly message?: string
  readonly rollback?: LoggedReceipt['rollback']
  readonly isOlder?: true
}

function shown(receipt: Receipt): Static<typeof ReceiptAnswer> {
  const { id, source } = receipt
  const said: Said = receipt
  const { state, version, weight, slice, timeMs, why, code, message, rollback } = said
  return {
    ...{ id, source, state },
    ...(said.for !== undefined && { waiting_for: said.for }),
    ...(version !== undefined && { version }),
    ...(weight !== undefined && { weight }),
    ...(slice !== undefined && { slice }),
    ...(timeMs !== undefined && { time: isoOf(timeMs) }),
    ...(why !== undefined && { why }),
    ...(code !== undefined && { code, fix: entryOf(code).fix }),
    ...(message !== undefined && { message }),
    ...(rollback && {
      rollback: { to: rollback.to, since: isoOf(rollback.timeMs), reason: rollback.reason },
    }),
    ...(said.isOlder === true && { details: 'no longer kept' }),
  }
}

function isoOf(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
