/**
 * Whether requests may be sent here: every model has a live version loaded, and the server is not draining. Answers do
 * not need a trainer, so one that is down leaves the daemon ready, and is named under `degraded`.
 */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../runtime/errors.ts'
import type { RouteContext } from '../context.ts'
import { degraded } from '../degraded.ts'
import { problems, ReadyAnswer } from '../schemas.ts'

export function addReadyzRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'whether it can answer for every model',
    tags: ['operations'],
    security: [],
    response: { 200: ReadyAnswer, ...problems },
  }
  app.get('/readyz', { schema, config: { probe: true } }, async () => {
    if (context.isDraining()) throw failure('SHUTTING_DOWN', 'the server is stopping')
    const waiting = context.models.filter(({ live }) => live.live() === undefined)
    const names = waiting.map(({ name }) => name)
    const ill = degraded(context.models, context.trainer)
    if (names.length === 0) return { ready: true, ...(ill.length > 0 && { degraded: ill }) }
    throw failure('NOT_READY', `no live version yet: ${names.join(', ')}`, {
      details: { models: names },
    })
  })
}
