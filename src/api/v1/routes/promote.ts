/** Makes any version live, in one call: one that was held back, or one that a rollback left. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { promote } from '../../../serving/services/moves.ts'
import { ModelParams, MoveAnswer, problems, PromoteBody } from '../schemas.ts'
import { sendMoved } from './moved.ts'

export function addPromoteRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'make a version live',
    tags: ['versions'],
    params: ModelParams,
    body: PromoteBody,
    response: { 200: MoveAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: PromoteBody }>(
    '/v1/models/:model/promote',
    { schema },
    async ({ params, body }, reply) => {
      const model = context.modelNamed(params.model)
      return sendMoved(reply, await promote(model, body.version, body.reason))
    },
  )
}
