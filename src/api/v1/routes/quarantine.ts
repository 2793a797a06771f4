/** The quarantine of the defence: list, release (learn) or drop. */
import type { FastifyInstance } from 'fastify'
import type { ShownAside } from '../../../checkpoint/set-aside-pages.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import type { Services } from '../../../serving/services/services.ts'
import { actorOf } from '../../http/auth.ts'
import { problems } from '../../http/schemas.ts'
import { limitOf, nextOf, numberIn, NumberedQuery } from '../page.ts'
import { ModelParams } from '../schemas/params.ts'
import {
  quarantineAnswer,
  SelectedAnswer,
  selectionBody,
  selectionOf,
  type SelectionBody,
} from '../schemas/set-aside.ts'

const tags = ['learning']

/** A move of the pointer has one of these names; `release` and `drop` are what they mean here. */
const commands = { release: 'relearn', drop: 'discard' } as const

export function addQuarantineRoutes(app: FastifyInstance, services: Services): void {
  addList(app, services)
  for (const by of ['release', 'drop'] as const) addSelecting(app, services, by)
}

function addList(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'examples that the defence keeps back, newest first',
    description: 'not learned unless you release them, or their turn comes',
    ...{ tags, params: ModelParams, querystring: NumberedQuery },
    response: { 200: quarantineAnswer(services), ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: NumberedQuery }>(
    '/models/:model/quarantine',
    { schema, config: { role: 'read' } },
    async ({ params, query }) => {
      const { learning, task } = services.model(params.model)
      const asked = { limit: limitOf(query), before: numberIn(query), quarantined: true }
      const page = await learning.setAside(asked)
      return {
        count: page.count,
        quarantine: page.items.map((item) => shown(item, task)),
        distrusted: learning.distrusted(),
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
    ...{ source, id, why: was },
    ...(stratum !== undefined && view.stratum(stratum)),
    ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
    ...(isDue && { releasing: true }),
  }
}

function addSelecting(app: FastifyInstance, services: Services, by: keyof typeof commands): void {
  const schema = {
    summary:
      by === 'release' ? 'learn examples in quarantine' : 'drop examples in quarantine, for good',
    ...{ tags, params: ModelParams, body: selectionBody(services) },
    response: { 202: SelectedAnswer, ...problems },
  }
  app.post<{ Params: ModelParams; Body: SelectionBody }>(
    `/models/:model/quarantine/${by}`,
    { schema, config: { role: 'operate' } },
    async ({ params, body: { reason = by, ...body }, caller }, reply) => {
      const { learning } = services.model(params.model)
      const selection = { ...selectionOf(body), quarantined: true }
      const { events, generation } = await learning.select(
        commands[by],
        selection,
        reason,
        actorOf(caller),
      )
      return reply.code(202).send({ events, generation })
    },
  )
}
