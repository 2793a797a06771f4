/**
 * Events that are learned only if a person asks for it: those that rollbacks have set aside, and those that the defence keeps
 * back. Pause and resume of learning.
 */
import type { FastifyInstance } from 'fastify'
import type { ShownAside } from '../../../checkpoint/set-aside-pages.ts'
import { NumberedQuery } from '../../../client/schemas/parts.ts'
import { PauseAnswer, PauseBody, SelectedAnswer } from '../../../client/schemas/set-aside.ts'
import { failure } from '../../../platform/errors.ts'
import type { ServedModel } from '../../../serving/services/served-model.ts'
import type { Services } from '../../../serving/services/services.ts'
import type { Selection } from '../../../versions/contract.ts'
import { actorOf } from '../../http/auth.ts'
import { limitOf, nextOf, numberIn } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'
import {
  quarantineAnswer,
  selectionBody,
  setAsideAnswer,
  type SelectionBody,
} from '../task-schemas.ts'

const reading = { tag: 'learning', role: 'read', query: NumberedQuery } as const
const acting = { tag: 'learning', role: 'operate', status: 202 } as const

export function addSetAsideRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'GET', '/models/:model/set-aside', {
    ...reading,
    summary: 'events that rollbacks have set aside, newest first',
    description: 'accepted before a rollback, and not learned unless you ask for it',
    answer: setAsideAnswer(services),
    async handle({ params, query }) {
      const { learning, task } = services.model(params.model)
      const page = await learning.setAside({ limit: limitOf(query), before: numberIn(query) })
      const items = page.items.map(({ was, isDue, ...event }) => ({
        ...shown(event, task),
        ...{ was, ...(isDue && { relearning: true }) },
      }))
      return { count: page.count, set_aside: items, ...nextOf(page) }
    },
  })
  addSelecting(app, services, 'relearn', 'learn events that were set aside')
  addSelecting(app, services, 'discard', 'drop events that were set aside, for good')
  for (const by of ['pause', 'resume'] as const)
    addRoute(app, 'POST', `/models/:model/${by}`, {
      ...acting,
      summary: by === 'pause' ? 'learn nothing until resumed' : 'resume learning',
      description: 'events are still accepted, and wait',
      body: PauseBody,
      answer: PauseAnswer,
      async handle({ params, body: { reason = by }, caller }) {
        const generation = await services.model(params.model).learning[by](reason, actorOf(caller))
        return { paused: by === 'pause', generation }
      },
    })
}

export function addQuarantineRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'GET', '/models/:model/quarantine', {
    ...reading,
    summary: 'examples that the defence keeps back, newest first',
    description: 'not learned unless you release them, or their turn comes',
    answer: quarantineAnswer(services),
    async handle({ params, query }) {
      const { learning, task } = services.model(params.model)
      const asked = { limit: limitOf(query), before: numberIn(query), quarantined: true }
      const page = await learning.setAside(asked)
      const items = page.items.map(({ was, isDue, ...event }) => ({
        ...shown(event, task),
        ...{ why: was, ...(isDue && { releasing: true }) },
      }))
      const distrusted = learning.distrusted()
      return { count: page.count, quarantine: items, distrusted, ...nextOf(page) }
    },
  })
  addSelecting(app, services, 'quarantine/release', 'learn examples in quarantine')
  addSelecting(app, services, 'quarantine/drop', 'drop examples in quarantine, for good')
}

type ShownEvent = Pick<ShownAside, 'source' | 'id' | 'strata' | 'timeMs'>

function shown({ source, id, strata, timeMs }: ShownEvent, { view }: ServedModel['task']) {
  return {
    ...{ source, id },
    ...(strata !== undefined && view.stratum(strata.join(', '))),
    ...(timeMs !== undefined && { time: new Date(timeMs).toISOString() }),
  }
}

/** A move of the pointer has the name of the command; `release` and `drop` are what they mean in quarantine. */
const commands = {
  relearn: 'relearn',
  discard: 'discard',
  'quarantine/release': 'relearn',
  'quarantine/drop': 'discard',
} as const

function addSelecting(
  app: FastifyInstance,
  services: Services,
  route: keyof typeof commands,
  summary: string,
): void {
  const [name = route] = route.split('/').slice(-1)
  const quarantined = route.startsWith('quarantine/') && { quarantined: true }
  addRoute(app, 'POST', `/models/:model/${route}`, {
    ...{ ...acting, summary, body: selectionBody(services), answer: SelectedAnswer },
    async handle({ params, body, caller }) {
      const { reason = name, ...selected } = body as SelectionBody
      const { learning } = services.model(params.model)
      const selection = { ...selectionOf(selected), ...quarantined }
      return learning.select(commands[route], selection, reason, actorOf(caller))
    },
  })
}

/** Strings, by the schema. */
function selectionOf({ since, ...of }: Omit<SelectionBody, 'reason'>): Selection {
  if (typeof since !== 'string') return of
  const sinceMs = Date.parse(since)
  if (Number.isNaN(sinceMs)) throw failure('REQUEST_INVALID', `since: ${since} is not a time`)
  return { ...of, sinceMs }
}
