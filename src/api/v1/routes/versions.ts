/** Versions of a model, newest first, a page at a time, with their lineage, scores and why each was promoted or held back. */
import type { FastifyInstance } from 'fastify'
import { eventLoop } from '../../../platform/slices.ts'
import type { Services } from '../../../serving/services/services.ts'
import { describeVersion } from '../describe-version.ts'
import { limitOf, nextOf, PageQuery } from '../page.ts'
import { problems } from '../../http/schemas.ts'
import { ModelParams } from '../schemas/params.ts'
import { versionsAnswer } from '../schemas/versions.ts'

export function addVersionsRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'versions of a model, newest first',
    description: 'in pages: `next`, if there is more, is the `before` of the next page',
    tags: ['versions'],
    params: ModelParams,
    querystring: PageQuery,
    response: { 200: versionsAnswer(services), ...problems },
  }
  app.get<{ Params: ModelParams; Querystring: PageQuery }>(
    '/models/:model/versions',
    { schema, config: { role: 'read' } },
    async ({ params, query }) => {
      const model = services.model(params.model)
      const { versions, task } = model
      const list = versions.list({ limit: limitOf(query), before: query.before })
      const [page, live, pins] = await Promise.all([list, versions.live(), versions.pins()])
      const { served } = model.status().trainer
      const undone = await Promise.all(
        page.items.map(async ({ manifest }) => versions.undoneBy(manifest)),
      )
      const shown = await eventLoop.each([...page.items.entries()], ([at, entry]) =>
        describeVersion(entry, task, { live, pins, served, undoneBy: undone[at] }),
      )
      return { versions: [...shown], ...nextOf(page) }
    },
  )
}
