/** Every version of a model, newest first, with its lineage, its scores and why it was promoted or held back. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../context.ts'
import { describeVersion } from '../describe-version.ts'
import { ModelParams, problems, VersionsAnswer } from '../schemas.ts'

export function addVersionsRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'every version of a model, newest first',
    tags: ['versions'],
    params: ModelParams,
    response: { 200: VersionsAnswer, ...problems },
  }
  app.get<{ Params: ModelParams }>('/v1/models/:model/versions', { schema }, async ({ params }) => {
    const { registry } = context.modelNamed(params.model)
    const [entries, live] = await Promise.all([registry.list(), registry.live()])
    return { versions: entries.map((entry) => describeVersion(entry, live)) }
  })
}
