/** Forgetting events for good, and the certificates of it. */
import type { FastifyInstance } from 'fastify'
import {
  ForgetAccepted,
  ForgetBody,
  ForgetForecast,
  ForgetParams,
  ForgetQuery,
  ForgetRequest,
  ForgetRequests,
  type Certificate,
} from '../../../client/schemas/forget.ts'
import type { Answer } from '../../../client/schemas/parts.ts'
import { defined } from '../../../platform/defined.ts'
import { entryOf, failure } from '../../../platform/errors.ts'
import type {
  ForgetForecast as Expected,
  ForgetStatus,
} from '../../../serving/services/forget-service.ts'
import type { Services } from '../../../serving/services/services.ts'
import { actorOf } from '../../http/auth.ts'
import { limitOf } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'

const reading = { tag: 'learning', role: 'read' } as const

export function addForgetRoutes(app: FastifyInstance, services: Services): void {
  const forgettingOf = (model: string) => services.model(model).forgetting
  addRoute(app, 'POST', '/models/:model/forget', {
    summary: 'forget events for good',
    description:
      'at least one of source, id and before; an event that all of them describe goes from every store, versions that had learned from it lose their bytes, and the rest is learned again from the last version without it',
    tag: 'learning',
    role: 'operate',
    body: ForgetBody,
    others: { 200: ForgetForecast },
    answer: ForgetAccepted,
    status: 202,
    async handle({ params, body, caller }, reply) {
      const { reason = 'forget', keep_serving: keepServing } = body
      const forgetting = forgettingOf(params.model)
      const what = { ...wantedOf(body), ...(keepServing === true && { keepServing }) }
      if (body.dry_run === true)
        return reply.code(200).send(forecast(await forgetting.forecast(what)))
      return forgetting.ask(what, reason, actorOf(caller))
    },
  })
  addRoute(app, 'GET', '/models/:model/forget', {
    ...reading,
    summary: 'requests to forget, and their certificates, newest first',
    query: ForgetQuery,
    answer: ForgetRequests,
    async handle({ params, query }) {
      const requests = await forgettingOf(params.model).list(limitOf(query))
      return { requests: requests.map(shown) }
    },
  })
  addRoute(app, 'GET', '/models/:model/forget/:request', {
    ...reading,
    summary: 'one request to forget: how far it is, then its certificate',
    params: ForgetParams,
    answer: ForgetRequest,
    handle: async ({ params }) => shown(await forgettingOf(params.model).find(params.request)),
  })
}

function wantedOf({ source, id, before }: ForgetBody) {
  if (source === undefined && id === undefined && before === undefined)
    throw failure('REQUEST_INVALID', 'name a source, an id or a time before which to forget')
  const beforeMs = before === undefined ? undefined : Date.parse(before)
  if (Number.isNaN(beforeMs)) throw failure('REQUEST_INVALID', `before: ${before} is not a time`)
  return defined({ source, id, beforeMs })
}

function shown(forgotten: ForgetStatus): Answer<typeof ForgetRequest> {
  const { request, state, task, reason, blocked, waitsFor, left, certificate } = forgotten
  return {
    ...{ request, state },
    ...defined({ reason, waiting_for: waitsFor, left }),
    ...(blocked && { blocked: { ...blocked, fix: entryOf(blocked.code).fix } }),
    ...(task && { reason: task.reason, learned_again: task.again }),
    ...(typeof task?.from === 'string' && { from: task.from }),
    ...defined({
      unpinned: task?.unpinned,
      answers_meanwhile: task?.meanwhile,
      events: task?.counts.events,
      events_lost: task?.lost,
    }),
    ...(task?.isBeyondLog === true && { beyond_event_log: true }),
    ...(certificate && { certificate: certificate as unknown as Certificate }),
  }
}

function forecast(expected: Expected): Answer<typeof ForgetForecast> {
  const { counts, isUnlearned, from, hasState, again, lost, retiring } = expected
  const { unpinning = [], meanwhile } = expected
  return {
    dry_run: true,
    erased: counts,
    learned: !isUnlearned,
    has_state: hasState,
    learned_again: again,
    events_lost: lost,
    retired: retiring,
    ...(unpinning.length > 0 && { unpinned: unpinning }),
    ...defined({ from, answers_meanwhile: meanwhile, subtracted: expected.subtracted }),
  }
}
