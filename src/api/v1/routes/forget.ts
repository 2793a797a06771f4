/** Forgetting events for good, and the certificates of it. */
import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { entryOf, failure } from '../../../platform/errors.ts'
import type { ForgetForecast, Forgotten } from '../../../serving/services/forget-service.ts'
import type { Services } from '../../../serving/services/services.ts'
import { actorOf } from '../../http/auth.ts'
import { problems } from '../../http/schemas.ts'
import { Count, Time } from '../../schema-parts.ts'
import { limitOf, PageQuery } from '../page.ts'
import { ModelParams } from '../schemas/params.ts'

const tags = ['learning']

const ForgetBody = Type.Object(
  {
    source: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    before: Type.Optional(Time),
    keep_serving: Type.Optional(
      Type.Boolean({
        description: 'answer with the present versions until the others are rebuilt; default false',
      }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ description: 'say what it would do, and do nothing; default false' }),
    ),
    reason: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1000, description: 'recorded in the history' }),
    ),
  },
  { additionalProperties: false },
)
type ForgetBody = Static<typeof ForgetBody>

const ForgetParams = Type.Object({ model: Type.String(), request: Type.String({ maxLength: 64 }) })
type ForgetParams = Static<typeof ForgetParams>

const Request = Type.Object({
  request: Type.String({ description: 'names the request and its certificate' }),
  state: Type.String({ description: 'asked, rebuilding or done' }),
  reason: Type.Optional(Type.String()),
  blocked: Type.Optional(
    Type.Object(
      { code: Type.String(), message: Type.String(), fix: Type.String() },
      { description: 'the trainer has failed: the request goes on once that is fixed' },
    ),
  ),
  waiting_for: Type.Optional(
    Type.Unsafe<'resume' | 'budget'>({
      type: 'string',
      enum: ['resume', 'budget'],
      description: 'learning is paused, or the budget of the hour is spent',
    }),
  ),
  from: Type.Optional(
    Type.String({ description: 'the version that the rest is learned again from' }),
  ),
  unpinned: Type.Optional(
    Type.Array(Type.String(), { description: 'versions that lose their bytes though pinned' }),
  ),
  answers_meanwhile: Type.Optional(
    Type.String({ description: 'the version that answers until the rest is learned again' }),
  ),
  events: Type.Optional(Type.Integer({ description: 'events that were forgotten' })),
  learned_again: Type.Optional(Type.Integer({ description: 'events to learn again' })),
  left: Type.Optional(Type.Integer({ description: 'of these, the ones still to come' })),
  beyond_event_log: Type.Optional(
    Type.Boolean({
      description:
        'events had fallen out of the event log: a fresh adapter learns what it still has',
    }),
  ),
  events_lost: Type.Optional(
    Type.Integer({ description: 'then: events that are not learned again' }),
  ),
  certificate: Type.Optional(
    Type.Unsafe({
      type: 'object',
      additionalProperties: true,
      description: 'what was asked, what went, what was rebuilt, what could not be erased and why',
    }),
  ),
})

const Forecast = Type.Object({
  dry_run: Type.Literal(true),
  erased: Type.Record(Type.String(), Count, { description: 'what would go, by place' }),
  learned: Type.Boolean({
    description: 'something has learned from them; otherwise no version changes',
  }),
  from: Type.Optional(
    Type.String({ description: 'the version to rebuild from; absent: a fresh adapter' }),
  ),
  has_state: Type.Boolean({
    description: 'optimizer and replay of that version are kept; otherwise they begin empty',
  }),
  learned_again: Type.Integer({ description: 'events to learn again' }),
  events_lost: Type.Integer({
    description: 'events that have fallen out of the event log and would not be learned again',
  }),
  retired: Type.Array(Type.String(), { description: 'versions that would lose their bytes' }),
  unpinned: Type.Optional(
    Type.Array(Type.String(), { description: 'of these, the ones that are pinned' }),
  ),
  answers_meanwhile: Type.Optional(
    Type.String({
      description:
        'the version that would answer until the rest is learned again; absent: a new one, without what is forgotten',
    }),
  ),
})

const Query = Type.Pick(PageQuery, ['limit'])
type Query = Static<typeof Query>

export function addForgetRoutes(app: FastifyInstance, services: Services): void {
  addAsking(app, services)
  addList(app, services)
  addOne(app, services)
}

function addAsking(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'forget events for good',
    description:
      'at least one of source, id and before; an event that all of them describe goes from every store, versions that had learned from it lose their bytes, and the rest is learned again from the last version without it',
    ...{ tags, params: ModelParams, body: ForgetBody },
    response: {
      200: Forecast,
      202: Type.Object({ request: Type.String(), generation: Count }),
      ...problems,
    },
  }
  app.post<{ Params: ModelParams; Body: ForgetBody }>(
    '/models/:model/forget',
    { schema, config: { role: 'operate' } },
    async ({ params, body, caller }, reply) => {
      const { reason = 'forget', keep_serving: keepServing } = body
      const { forgetting } = services.model(params.model)
      const what = { ...wantedOf(body), ...(keepServing === true && { keepServing }) }
      if (body.dry_run === true)
        return reply.code(200).send(forecast(await forgetting.forecast(what)))
      return reply.code(202).send(await forgetting.ask(what, reason, actorOf(caller)))
    },
  )
}

function addList(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'requests to forget, and their certificates, newest first',
    ...{ tags, params: ModelParams, querystring: Query },
    response: { 200: Type.Object({ requests: Type.Array(Request) }), ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: Query }>(
    '/models/:model/forget',
    { schema, config: { role: 'read' } },
    async ({ params, query }) => {
      const requests = await services.model(params.model).forgetting.list(limitOf(query))
      return { requests: requests.map(shown) }
    },
  )
}

function addOne(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'one request to forget: how far it is, then its certificate',
    ...{ tags, params: ForgetParams },
    response: { 200: Request, ...problems },
  }
  app.get<{ Params: ForgetParams }>(
    '/models/:model/forget/:request',
    { schema, config: { role: 'read' } },
    async ({ params }) => shown(await services.model(params.model).forgetting.find(params.request)),
  )
}

function wantedOf({ source, id, before }: ForgetBody) {
  if (source === undefined && id === undefined && before === undefined)
    throw failure('REQUEST_INVALID', 'name a source, an id or a time before which to forget')
  const beforeMs = before === undefined ? undefined : Date.parse(before)
  if (Number.isNaN(beforeMs)) throw failure('REQUEST_INVALID', `before: ${before} is not a time`)
  return {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(beforeMs !== undefined && { beforeMs }),
  }
}

function shown(forgotten: Forgotten): Static<typeof Request> {
  const { request, state, task, reason, blocked, waitsFor, left, certificate } = forgotten
  return {
    ...{ request, state },
    ...(reason !== undefined && { reason }),
    ...(blocked && { blocked: { ...blocked, fix: entryOf(blocked.code).fix } }),
    ...(waitsFor !== undefined && { waiting_for: waitsFor }),
    ...(task && { reason: task.reason, learned_again: task.again }),
    ...(typeof task?.from === 'string' && { from: task.from }),
    ...(task?.unpinned && { unpinned: [...task.unpinned] }),
    ...(task?.meanwhile !== undefined && { answers_meanwhile: task.meanwhile }),
    ...(task?.counts.events !== undefined && { events: task.counts.events }),
    ...(left !== undefined && { left }),
    ...(task?.isBeyondLog === true && { beyond_event_log: true }),
    ...(task?.lost !== undefined && { events_lost: task.lost }),
    ...(certificate && { certificate }),
  }
}

function forecast(expected: ForgetForecast): Static<typeof Forecast> {
  const { counts, isUnlearned, from, hasState, again, lost, retiring } = expected
  const { unpinning = [], meanwhile } = expected
  return {
    dry_run: true,
    erased: { ...counts },
    learned: !isUnlearned,
    ...(from !== undefined && { from }),
    has_state: hasState,
    learned_again: again,
    events_lost: lost,
    retired: [...retiring],
    ...(unpinning.length > 0 && { unpinned: [...unpinning] }),
    ...(meanwhile !== undefined && { answers_meanwhile: meanwhile }),
  }
}
