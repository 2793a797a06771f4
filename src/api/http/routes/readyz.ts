/** Whether requests may be sent here: not while the server drains, and not while a model is on its way to its first answer. */
import type { FastifyInstance } from 'fastify'
import type { CodedError } from '../../../contracts/core.ts'
import { failure } from '../../../platform/errors.ts'
import type { Readiness } from '../../../serving/services/faults.ts'
import type { HttpContext } from '../options.ts'
import { problems, ReadyAnswer } from '../schemas.ts'

export function addReadyzRoute(app: FastifyInstance, context: HttpContext): void {
  const schema = {
    summary: 'whether it can answer for every model',
    tags: ['operations'],
    security: [],
    response: { 200: ReadyAnswer, ...problems },
  }
  const answer = () => {
    if (context.isDraining()) throw failure('SHUTTING_DOWN', 'the server is stopping')
    const readiness = context.services.readiness()
    const { degraded } = readiness
    if (!readiness.isReady) throw notReady(readiness)
    return { ready: true, ...(degraded.length > 0 && { degraded }) }
  }
  // `/health` is what the checks of load balancers and of other model servers ask.
  for (const path of ['/readyz', '/health'])
    app.get(path, { schema, config: { probe: true } }, async () => answer())
}

function notReady({ silent, degraded }: Readiness): CodedError {
  const faults = degraded.map((fault) => ({ ...fault }))
  const coded = faults.filter(({ code }) => code !== undefined)
  const why = coded.map(({ model, code, fix }) => `; ${model}: ${code}: ${fix}`).join('')
  return failure('NOT_READY', `no live version yet: ${silent.join(', ')}${why}`, {
    details: { models: silent, ...(faults.length > 0 && { degraded: faults }) },
  })
}
