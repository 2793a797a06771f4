/** Two versions of a model beside each other. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { CompareParams } from '../schemas/params.ts'
import { ComparisonAnswer } from '../schemas/versions.ts'

export function addCompareRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'what another version has that this one lacks',
    tags: ['versions'],
    params: CompareParams,
    response: { 200: ComparisonAnswer, ...problems },
  }
  const path = '/models/:model/versions/:version/compare/:other'
  app.get<{ Params: CompareParams }>(
    path,
    { schema, config: { role: 'read' } },
    async ({ params }) =>
      services.model(params.model).versions.compare(params.version, params.other),
  )
}
