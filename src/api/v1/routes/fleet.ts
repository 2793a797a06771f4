/**
 * The replicas, the live version on each, and who trains which model. Also answers while the others cannot be reached.
 */
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { Services } from '../../../serving/services/services.ts'
import { problems } from '../../http/schemas.ts'
import { FleetAnswer } from '../schemas/fleet.ts'
import type { LeaseView } from '../../../fleet/contract.ts'
import type { FleetStatus } from '../../../serving/services/fleet/fleet-service.ts'
import type { FleetMember } from '../../../serving/services/fleet/fleet-view.ts'

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

type Answer = Static<typeof FleetAnswer>

function describeFleet(status: FleetStatus): Answer {
  const { replica, isShared, members, leases, differing, problem } = status
  return {
    replica,
    shared: isShared,
    members: members.map(describeMember),
    models: [...leases].map(([model, lease]) => {
      const keys = differing.get(model) ?? []
      const differs = keys.length > 0 && { config_differs: [...keys] }
      return { model, lease: describeLease(lease), ...differs }
    }),
    ...(problem && { problem: { code: problem.code, message: problem.message } }),
  }
}

function describeMember({ live, seenMs, url, ...member }: FleetMember): Answer['members'][number] {
  const models = Object.entries(live).map(([model, each]) => ({ model, ...each }))
  return {
    ...member,
    ...(url !== undefined && { url }),
    seen: new Date(seenMs).toISOString(),
    models,
  }
}

function describeLease(lease: LeaseView | undefined): Answer['models'][number]['lease'] {
  if (lease === undefined) return null
  const { holder, epoch, expiresMs } = lease
  return { holder, epoch, expires: new Date(expiresMs).toISOString() }
}
