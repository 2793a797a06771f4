/**
 * The replicas, the live version on each, and who trains which model. Also answers while the others cannot be reached.
 */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { describeFleet } from '../describe-fleet.ts'
import { FleetAnswer } from '../schemas/fleet.ts'

export function addFleetRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'every replica, and who trains which model',
    tags: ['operations'],
    response: { 200: FleetAnswer, ...problems },
  }
  app.get('/fleet', { schema, config: { role: 'read' } }, async () =>
    describeFleet(await services.fleet()),
  )
}
