/**
 * Whether requests may be sent here: a model answers, all others do so too or are broken for good, and the server is not
 * draining. What is broken, a trainer too, is named; it does not count while there are answers.
 */
import type { FastifyInstance } from 'fastify'
import type { CodedError } from '../../../contracts/core.ts'
import { failure } from '../../../platform/errors.ts'
import type { RouteContext } from '../context.ts'
import type { Degraded } from '../../../serving/services/degraded.ts'
import { faultsOf } from '../../../serving/services/faults.ts'
import { problems, ReadyAnswer } from '../../v1/schemas.ts'
import { hasFailed } from '../../../serving/services/trainer-fault.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'

export function addReadyzRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'whether it can answer for every model',
    tags: ['operations'],
    security: [],
    response: { 200: ReadyAnswer, ...problems },
  }
  app.get('/readyz', { schema, config: { probe: true } }, async () => {
    if (context.isDraining()) throw failure('SHUTTING_DOWN', 'the server is stopping')
    const { models, trainer } = context
    const silent = models.filter(({ live }) => live.live() === undefined)
    const degraded = models.flatMap((model) => [...faultsOf(model, trainer)])
    const waiting = silent.filter(
      (model) => !isBroken(model) && !hasFailed(trainer.status(model.name)),
    )
    const isReady = waiting.length === 0 && silent.length < models.length
    if (isReady) return { ready: true, ...(degraded.length > 0 && { degraded }) }
    throw notReady(waiting.length > 0 ? waiting : silent, degraded)
  })
}

/** Nothing waits for it: a person has to fix it. */
function isBroken(model: ServedModel): boolean {
  return model.faults?.().some(({ part }) => part === 'model') === true
}

function notReady(models: readonly ServedModel[], degraded: readonly Degraded[]): CodedError {
  const names = models.map(({ name }) => name)
  const message = `no live version yet: ${names.join(', ')}`
  const faults = degraded.map((fault) => ({ ...fault }))
  const told = faults.filter(({ code }) => code !== undefined)
  const why = told.map(({ model, code, fix }) => `; ${model}: ${code}: ${fix}`).join('')
  return failure('NOT_READY', message + why, {
    details: { models: names, ...(faults.length > 0 && { degraded: faults }) },
  })
}
