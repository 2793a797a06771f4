/** Which replicas there are, what is live on each, and who trains what. Answers also while the others cannot be asked. */
import type { FastifyInstance } from 'fastify'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { describeFleet } from '../describe-fleet.ts'
import { FleetAnswer } from '../fleet-schemas.ts'

export function addFleetRoute(app: FastifyInstance, services: Services): void {
  const schema = {
    summary: 'every replica, and who trains what',
    tags: ['operations'],
    response: { 200: FleetAnswer, ...problems },
  }
  app.get('/fleet', { schema }, async () => describeFleet(await services.fleet()))
}
