/**
 * What rollbacks have set aside, and what becomes of it; learning stopped and started again. The list is on the disk of
 * the daemon that trains; the commands reach the trainer from any daemon.
 */
import type { FastifyInstance } from 'fastify'
import type { Selection } from '../../../versions/contract.ts'
import { failure } from '../../../platform/errors.ts'
import { command } from '../../../serving/services/commands.ts'
import type { RouteContext } from '../../http/context.ts'
import { limitOf, pageOf, PageQuery } from '../page.ts'
import { ModelParams, problems } from '../schemas.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import {
  PauseAnswer,
  PauseBody,
  SelectedAnswer,
  SelectionBody,
  SetAsideAnswer,
} from '../set-aside-schemas.ts'

const tags = ['learning']

export function addSetAsideRoutes(app: FastifyInstance, context: RouteContext): void {
  addList(app, context)
  for (const by of ['relearn', 'discard'] as const) addSelecting(app, context, by)
  for (const by of ['pause', 'resume'] as const) addPausing(app, context, by)
}

function addList(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'what rollbacks have set aside, newest first',
    description: 'accepted before a rollback, and not learned unless somebody asks for it',
    ...{ tags, params: ModelParams, querystring: PageQuery },
    response: { 200: SetAsideAnswer, ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: PageQuery }>(
    '/v1/models/:model/set-aside',
    { schema },
    async ({ params, query }) => {
      const model = context.modelNamed(params.model)
      const limit = limitOf(query)
      const before = query.before === undefined ? undefined : Number(query.before)
      const { count, found } = pagesOf(model, context).page({ limit: limit + 1, before })
      const { items, next } = pageOf(found, limit, ({ at }) => String(at))
      const set_aside = items.map(({ source, id, label, timeMs, whence, isDue }) => ({
        ...{ source, id, was: whence },
        ...(label !== undefined && { label }),
        ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
        ...(isDue && { relearning: true }),
      }))
      return { count, set_aside, ...next }
    },
  )
}

function addSelecting(
  app: FastifyInstance,
  context: RouteContext,
  by: 'relearn' | 'discard',
): void {
  const schema = {
    summary: by === 'relearn' ? 'learn what was set aside' : 'drop what was set aside, for good',
    ...{ tags, params: ModelParams, body: SelectionBody },
    response: { 202: SelectedAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: SelectionBody }>(
    `/v1/models/:model/${by}`,
    { schema },
    async ({ params, body: { reason = by, ...body } }, reply) => {
      const model = context.modelNamed(params.model)
      const selection = selectionOf(body)
      const events = pagesOf(model, context).count(selection)
      const { generation } = await command(model, by, reason, { selection })
      return reply.code(202).send({ events, generation })
    },
  )
}

function addPausing(app: FastifyInstance, context: RouteContext, by: 'pause' | 'resume'): void {
  const schema = {
    summary: by === 'pause' ? 'learn nothing until somebody resumes' : 'learn again',
    description: 'events are accepted all the same, and wait',
    ...{ tags, params: ModelParams, body: PauseBody },
    response: { 202: PauseAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: PauseBody }>(
    `/v1/models/:model/${by}`,
    { schema },
    async ({ params, body: { reason = by } }, reply) => {
      const model = context.modelNamed(params.model)
      const { generation } = await command(model, by, reason)
      return reply.code(202).send({ paused: by === 'pause', generation })
    },
  )
}

/** In a fleet the checkpoint is where the model is trained. */
function pagesOf({ name, setAside }: ServedModel, { trainer }: RouteContext) {
  const { state, lease } = trainer.status(name)
  if (setAside !== undefined && state !== 'standby') return setAside
  const holder = lease?.holder ?? 'another daemon'
  throw failure('TRAINED_ELSEWHERE', `${name} is trained by ${holder}`, { details: { holder } })
}

function selectionOf({ source, label, since }: Omit<SelectionBody, 'reason'>): Selection {
  const sinceMs = since === undefined ? undefined : Date.parse(since)
  if (Number.isNaN(sinceMs)) throw failure('REQUEST_INVALID', `since: ${since} is no time`)
  return {
    ...(source !== undefined && { source }),
    ...(label !== undefined && { label }),
    ...(sinceMs !== undefined && { sinceMs }),
  }
}
