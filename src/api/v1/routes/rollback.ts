/** Rolls back to an earlier version, in one call. The answer comes when this server answers with that version. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { failure } from '../../../platform/errors.ts'
import type { Asked } from '../../../versions/contract.ts'
import { actorOf } from '../../http/auth.ts'
import { problems } from '../../http/schemas.ts'
import { MoveAnswer, RollbackBody } from '../schemas/moves.ts'
import { ModelParams } from '../schemas/params.ts'
import { sendMoved } from './moved.ts'

export function addRollbackRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'roll back to an earlier version',
    description:
      'without "to" and "from": a canary ends; if there is none, the version that was live before the present one; events that it has not learned are set aside, or as "then" says',
    tags: ['versions'],
    params: ModelParams,
    body: RollbackBody,
    response: { 200: MoveAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: RollbackBody }>(
    '/models/:model/rollback',
    { schema, config: { role: 'operate' } },
    async ({ params, body, caller }, reply) => {
      const model = services.model(params.model)
      const { from, undone } = body
      const more = { from, undone, asks: asksOf(body), actor: actorOf(caller) }
      return sendMoved(reply, await model.rollBack(body.to, body.reason, more))
    },
  )
}

function asksOf({ hold, then }: RollbackBody): Asked | undefined {
  if (hold === true && then !== undefined && then !== 'hold')
    throw failure('REQUEST_INVALID', `hold is the same as then: hold, and then is ${then}`)
  if (hold === true || then === 'hold') return { hold: true }
  return then === undefined ? undefined : { then }
}
