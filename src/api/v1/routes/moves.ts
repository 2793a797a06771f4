/** Moves of the live pointer by a person: rollback, promote, and versions on trial until they are ended, promoted or rolled back. */
import type { FastifyInstance, FastifyReply } from 'fastify'
import {
  CanaryBody,
  EndTrialBody,
  MoveAnswer,
  PromoteBody,
  RollbackBody,
  RoutingAnswer,
  ShadowBody,
} from '../../../client/schemas/moves.ts'
import { failure } from '../../../platform/errors.ts'
import type { MoveResult } from '../../../serving/services/moves.ts'
import type { Services } from '../../../serving/services/services.ts'
import type { MoveRequest, Routing } from '../../../versions/contract.ts'
import { actorOf } from '../../http/auth.ts'
import { describeRouted } from '../describe-model.ts'
import { addRoute } from '../route.ts'
import { nameVersion } from '../headers-and-queries.ts'

const shared = { tag: 'versions', role: 'operate' } as const

export function addMoveRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'POST', '/models/:model/rollback', {
    ...shared,
    summary: 'roll back to an earlier version',
    description:
      'without "to" and "from": a canary ends; if there is none, the version that was live before the present one; events that it has not learned are set aside, or as "then" says',
    body: RollbackBody,
    answer: MoveAnswer,
    async handle({ params, body, caller }, reply) {
      const { from, undone } = body
      const more = { from, undone, asks: asksOf(body), actor: actorOf(caller) }
      return moved(reply, await services.model(params.model).rollBack(body.to, body.reason, more))
    },
  })
  addRoute(app, 'POST', '/models/:model/promote', {
    ...shared,
    summary: 'make a version live',
    body: PromoteBody,
    answer: MoveAnswer,
    async handle({ params, body: { version, reason, undone }, caller }, reply) {
      const more = { actor: actorOf(caller), undone }
      return moved(reply, await services.model(params.model).promote(version, reason, more))
    },
  })
  addTrialRoutes(app, services)
}

function asksOf({ hold, then }: RollbackBody): MoveRequest | undefined {
  if (hold === true && then !== undefined && then !== 'hold')
    throw failure('REQUEST_INVALID', `hold is the same as then: hold, and then is ${then}`)
  if (hold === true || then === 'hold') return { hold: true }
  return then === undefined ? undefined : { then }
}

/** It comes when this server answers with the version. */
function moved(reply: FastifyReply, { pointer, previous }: MoveResult) {
  const { live, generation } = pointer
  const { version, digest } = live
  nameVersion(reply, { version, digest, generation })
  return { live: version, version, digest, previous, generation }
}

function addTrialRoutes(app: FastifyInstance, services: Services): void {
  const trialsOf = (model: string) => services.model(model).trials
  addRoute(app, 'POST', '/models/:model/canary', {
    ...shared,
    summary: 'let a version answer a share of the requests',
    description:
      'by a hash of the key of each request; released versions wait until you end the trial, promote or roll back',
    body: CanaryBody,
    answer: RoutingAnswer,
    async handle({ params, body: { version, share, reason, undone }, caller }) {
      const why = { reason, undone, actor: actorOf(caller) }
      return shown(await trialsOf(params.model).canary(version, share, why))
    },
  })
  addRoute(app, 'POST', '/models/:model/shadow', {
    ...shared,
    summary: 'compute a version for each request, and compare it',
    description:
      'after the answer, and never returned; feedback that names a prediction judges both',
    body: ShadowBody,
    answer: RoutingAnswer,
    handle: async ({ params, body: { version, reason }, caller }) =>
      shown(await trialsOf(params.model).shadow(version, { reason, actor: actorOf(caller) })),
  })
  for (const kind of ['canary', 'shadow'] as const)
    addRoute(app, 'POST', `/models/:model/${kind}/end`, {
      ...shared,
      summary: `end the ${kind}`,
      description:
        'learning goes on where it is; a rollback also sets aside what the version learned',
      body: EndTrialBody,
      answer: RoutingAnswer,
      handle: async ({ params, body: { reason }, caller }) =>
        shown(await trialsOf(params.model).end(kind, { reason, actor: actorOf(caller) })),
    })
}

function shown(routing: Routing) {
  const { live, generation } = routing
  return { live: live.version, generation, ...describeRouted(routing) }
}
