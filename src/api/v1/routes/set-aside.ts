/** Events that rollbacks have set aside: list, relearn, discard. Pause and resume of learning. */
import type { FastifyInstance } from 'fastify'
import type { ShownAside } from '../../../checkpoint/set-aside-pages.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import type { Services } from '../../../serving/services/services.ts'
import { actorOf } from '../../http/auth.ts'
import { problems } from '../../http/schemas.ts'
import { limitOf, nextOf, numberIn, NumberedQuery } from '../page.ts'
import { ModelParams } from '../schemas/params.ts'
import {
  PauseAnswer,
  PauseBody,
  SelectedAnswer,
  selectionBody,
  selectionOf,
  setAsideAnswer,
  type SelectionBody,
} from '../schemas/set-aside.ts'

const tags = ['learning']

export function addSetAsideRoutes(app: FastifyInstance, services: Services): void {
  addList(app, services)
  for (const by of ['relearn', 'discard'] as const) addSelecting(app, services, by)
  for (const by of ['pause', 'resume'] as const) addPausing(app, services, by)
}

function addList(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'events that rollbacks have set aside, newest first',
    description: 'accepted before a rollback, and not learned unless you ask for it',
    ...{ tags, params: ModelParams, querystring: NumberedQuery },
    response: { 200: setAsideAnswer(services), ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: NumberedQuery }>(
    '/models/:model/set-aside',
    { schema, config: { role: 'read' } },
    async ({ params, query }) => {
      const { learning, task } = services.model(params.model)
      const page = await learning.setAside({ limit: limitOf(query), before: numberIn(query) })
      return {
        count: page.count,
        set_aside: page.items.map((item) => shown(item, task)),
        ...nextOf(page),
      }
    },
  )
}

function shown(
  { source, id, stratum, timeMs, was, isDue }: ShownAside,
  { view }: ServedModel['task'],
) {
  return {
    ...{ source, id, was },
    ...(stratum !== undefined && view.stratum(stratum)),
    ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
    ...(isDue && { relearning: true }),
  }
}

function addSelecting(app: FastifyInstance, services: Services, by: 'relearn' | 'discard'): void {
  const schema = {
    summary:
      by === 'relearn'
        ? 'learn events that were set aside'
        : 'drop events that were set aside, for good',
    ...{ tags, params: ModelParams, body: selectionBody(services) },
    response: { 202: SelectedAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: SelectionBody }>(
    `/models/:model/${by}`,
    { schema, config: { role: 'operate' } },
    async ({ params, body: { reason = by, ...body }, caller }, reply) => {
      const { learning } = services.model(params.model)
      const { events, generation } = await learning.select(
        by,
        selectionOf(body),
        reason,
        actorOf(caller),
      )
      return reply.code(202).send({ events, generation })
    },
  )
}

function addPausing(app: FastifyInstance, services: Services, by: 'pause' | 'resume'): void {
  const schema = {
    summary: by === 'pause' ? 'learn nothing until resumed' : 'resume learning',
    description: 'events are still accepted, and wait',
    ...{ tags, params: ModelParams, body: PauseBody },
    response: { 202: PauseAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: PauseBody }>(
    `/models/:model/${by}`,
    { schema, config: { role: 'operate' } },
    async ({ params, body: { reason = by }, caller }, reply) => {
      const generation = await services.model(params.model).learning[by](reason, actorOf(caller))
      return reply.code(202).send({ paused: by === 'pause', generation })
    },
  )
}
