/** Versions of a model, newest first, a page at a time, with their lineage, scores and why each was promoted or held back. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { describeVersion } from '../describe-version.ts'
import { limitOf, pageOf, PageQuery } from '../page.ts'
import { ModelParams, problems, VersionsAnswer } from '../schemas.ts'

export function addVersionsRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'versions of a model, newest first',
    description: 'a page at a time: `next`, where there is more, is the `before` of the next page',
    tags: ['versions'],
    params: ModelParams,
    querystring: PageQuery,
    response: { 200: VersionsAnswer, ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: PageQuery }>(
    '/v1/models/:model/versions',
    { schema },
    async ({ params, query }) => {
      const { registry } = context.modelNamed(params.model)
      const limit = limitOf(query)
      const list = registry.list(limit + 1, query.before)
      const [found, live, pins] = await Promise.all([list, registry.live(), registry.pins()])
      const { items, next } = pageOf(found, limit, ({ manifest }) => manifest.version)
      return { versions: items.map((entry) => describeVersion(entry, live, pins)), ...next }
    },
  )
}
