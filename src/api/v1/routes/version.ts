/** One version of a model. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { describeVersion } from '../describe-version.ts'
import { problems, VersionAnswer, VersionParams } from '../schemas.ts'

export function addVersionRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'one version of a model',
    tags: ['versions'],
    params: VersionParams,
    response: { 200: VersionAnswer, ...problems },
  }
  const path = '/v1/models/:model/versions/:version'
  app.get<{ Params: VersionParams }>(path, { schema }, async ({ params }) => {
    const { registry } = context.modelNamed(params.model)
    const find = registry.find(params.version)
    const [found, live, pins] = await Promise.all([find, registry.live(), registry.pins()])
    return describeVersion(found, live, pins)
  })
}
