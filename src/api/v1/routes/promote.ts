/** Makes any version live, in one call: one that was held, or one that a rollback left. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { actorOf } from '../../http/auth.ts'
import { problems } from '../../http/schemas.ts'
import { MoveAnswer, PromoteBody } from '../schemas/moves.ts'
import { ModelParams } from '../schemas/params.ts'
import { sendMoved } from './moved.ts'

export function addPromoteRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'make a version live',
    tags: ['versions'],
    params: ModelParams,
    body: PromoteBody,
    response: { 200: MoveAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: PromoteBody }>(
    '/models/:model/promote',
    { schema, config: { role: 'operate' } },
    async ({ params, body, caller }, reply) => {
      const model = services.model(params.model)
      const more = { actor: actorOf(caller), undone: body.undone }
      return sendMoved(reply, await model.promote(body.version, body.reason, more))
    },
  )
}
