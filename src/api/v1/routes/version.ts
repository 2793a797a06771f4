/** One version of a model. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { describeVersion } from '../describe-version.ts'
import { problems } from '../../http/schemas.ts'
import { VersionParams } from '../schemas/params.ts'
import { versionAnswer } from '../schemas/versions.ts'

export function addVersionRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'one version of a model',
    tags: ['versions'],
    params: VersionParams,
    response: { 200: versionAnswer(services), ...problems },
  }
  const path = '/models/:model/versions/:version'
  app.get<{ Params: VersionParams }>(
    path,
    { schema, config: { role: 'read' } },
    async ({ params }) => {
      const model = services.model(params.model)
      const { versions, task } = model
      const find = versions.find(params.version)
      const [found, live, pins] = await Promise.all([find, versions.live(), versions.pins()])
      const undoneBy = await versions.undoneBy(found.manifest)
      const { served } = model.status().trainer
      return describeVersion(found, task, { live, pins, served, undoneBy })
    },
  )
}
