/** A version on trial by a person: as a canary or as a shadow, until it is ended, promoted or rolled back. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import type { Routing } from '../../../versions/contract.ts'
import { actorOf } from '../../http/auth.ts'
import { problems } from '../../http/schemas.ts'
import { describeRouted } from '../describe-trial.ts'
import { CanaryBody, EndTrialBody, RoutingAnswer, ShadowBody } from '../schemas/moves.ts'
import { ModelParams } from '../schemas/params.ts'

const tags = ['versions']
const response = { 200: RoutingAnswer, ...problems }
const config = { role: 'operate' } as const

export function addTrialRoutes(app: FastifyInstance, services: Services): void {
  addCanary(app, services)
  addShadow(app, services)
  for (const kind of ['canary', 'shadow'] as const) addEnd(app, services, kind)
}

function addCanary(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'let a version answer a share of the requests',
    description:
      'by a hash of the key of each request; released versions wait until you end the trial, promote or roll back',
    ...{ tags, params: ModelParams, body: CanaryBody, response },
  }
  app.post<{ Params: ModelParams; Body: CanaryBody }>(
    '/models/:model/canary',
    { schema, config },
    async ({ params, body: { version, share, reason, undone }, caller }) => {
      const { trials } = services.model(params.model)
      const why = { reason, undone, actor: actorOf(caller) }
      return shown(await trials.canary(version, share, why))
    },
  )
}

function addShadow(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'compute a version for each request, and compare it',
    description:
      'after the answer, and never returned; feedback that names a prediction judges both',
    ...{ tags, params: ModelParams, body: ShadowBody, response },
  }
  app.post<{ Params: ModelParams; Body: ShadowBody }>(
    '/models/:model/shadow',
    { schema, config },
    async ({ params, body: { version, reason }, caller }) => {
      const { trials } = services.model(params.model)
      return shown(await trials.shadow(version, { reason, actor: actorOf(caller) }))
    },
  )
}

function addEnd(app: FastifyInstance, services: Services, kind: 'canary' | 'shadow'): void {
  const schema = {
    summary: `end the ${kind}`,
    description:
      'learning goes on where it is; a rollback also sets aside what the version learned',
    ...{ tags, params: ModelParams, body: EndTrialBody, response },
  }
  app.post<{ Params: ModelParams; Body: EndTrialBody }>(
    `/models/:model/${kind}/end`,
    { schema, config },
    async ({ params, body: { reason }, caller }) => {
      const { trials } = services.model(params.model)
      return shown(await trials.end(kind, { reason, actor: actorOf(caller) }))
    },
  )
}

function shown(routing: Routing) {
  const { live, generation } = routing
  return { live: live.version, generation, ...describeRouted(routing) }
}
