/** One version of a model. */
import type { FastifyInstance } from 'fastify'
import { failure } from '../../runtime/errors.ts'
import type { RouteContext } from '../context.ts'
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
    const { name, registry } = context.modelNamed(params.model)
    const [entries, live] = await Promise.all([registry.list(), registry.live()])
    const entry = entries.find(({ manifest }) => manifest.version === params.version)
    if (entry !== undefined) return describeVersion(entry, live)
    throw failure('VERSION_UNKNOWN', `${name} has no version ${JSON.stringify(params.version)}`)
  })
}
