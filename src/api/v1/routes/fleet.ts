/** Which replicas there are, what is live on each, and who trains what. Answers also while the others cannot be asked. */
import type { FastifyInstance } from 'fastify'
import type { RouteContext } from '../../http/context.ts'
import { describeFleet } from '../describe-fleet.ts'
import { FleetAnswer } from '../fleet-schemas.ts'
import { problems } from '../schemas.ts'

export function addFleetRoute(app: FastifyInstance, context: RouteContext): void {
  const schema = {
    summary: 'every replica, and who trains what',
    tags: ['operations'],
    response: { 200: FleetAnswer, ...problems },
  }
  app.get('/v1/fleet', { schema }, async () => describeFleet(context))
}
