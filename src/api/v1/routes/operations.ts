/** The replicas and who trains which model, also while the others cannot be reached; and what operators did. */
import type { FastifyInstance } from 'fastify'
import { AuditAnswer, AuditQuery, FleetAnswer } from '../../../client/schemas/operations.ts'
import type { Answer } from '../../../client/schemas/parts.ts'
import type { LeaseView } from '../../../fleet/contract.ts'
import type { FleetStatus, FleetMember } from '../../../serving/services/fleet/fleet-service.ts'
import type { Services } from '../../../serving/services/services.ts'
import { limitOf, nextOf } from '../headers-and-queries.ts'
import { addRoute } from '../route.ts'

const shared = { tag: 'operations', role: 'read' } as const

export function addOperationRoutes(app: FastifyInstance, services: Services): void {
  addRoute(app, 'GET', '/fleet', {
    ...shared,
    summary: 'every replica, and who trains which model',
    answer: FleetAnswer,
    handle: async () => describeFleet(await services.fleet()),
  })
  addRoute(app, 'GET', '/audit', {
    ...shared,
    summary: 'what operators did, newest first',
    description: 'requests that this daemon received; limits.audit_bytes says how much is kept',
    query: AuditQuery,
    answer: AuditAnswer,
    async handle({ query }) {
      const page = await services.audit.page({ limit: limitOf(query), before: query.before })
      return { records: page.items as Answer<typeof AuditAnswer>['records'], ...nextOf(page) }
    },
  })
}

type Fleet = Answer<typeof FleetAnswer>

function describeFleet(status: FleetStatus): Fleet {
  const { replica, isShared, members, leases, differing, problem } = status
  return {
    replica,
    shared: isShared,
    members: members.map(describeMember),
    models: [...leases].map(([model, lease]) => {
      const keys = differing.get(model) ?? []
      const differs = keys.length > 0 && { config_differs: keys }
      return { model, lease: describeLease(lease), ...differs }
    }),
    ...(problem && { problem: { code: problem.code, message: problem.message } }),
  }
}

function describeMember({ live, seenMs, url, ...member }: FleetMember): Fleet['members'][number] {
  const models = Object.entries(live).map(([model, each]) => ({ model, ...each }))
  return {
    ...member,
    ...(url !== undefined && { url }),
    seen: new Date(seenMs).toISOString(),
    models,
  }
}

function describeLease(lease: LeaseView | undefined): Fleet['models'][number]['lease'] {
  if (lease === undefined) return null
  const { holder, epoch, expiresMs } = lease
  return { holder, epoch, expires: new Date(expiresMs).toISOString() }
}
