/** The fleet for /v1/fleet: what is shared, with this daemon always in it, as it knows itself best. */
import type { Static } from 'typebox'
import { CodedError } from '../../contracts/core.ts'
import type { LeaseView } from '../../fleet/contract.ts'
import type { RouteContext } from '../http/context.ts'
import type { FleetAnswer } from './fleet-schemas.ts'
import type { Fleet, FleetMember } from '../../serving/services/fleet-view.ts'

type Answer = Static<typeof FleetAnswer>

export async function describeFleet(context: RouteContext): Promise<Answer> {
  const self = describeSelf(context)
  const { fleet, identity } = context
  const names = context.models.map(({ name }) => name)
  if (fleet === undefined) return answerOf(identity.replica, [self], trainedHere(context))
  try {
    const [others, leases] = await Promise.all([fleet.members(), leasesOf(fleet, names)])
    const members = [self, ...others.filter(({ replica }) => replica !== self.replica)]
    return { ...answerOf(identity.replica, members, leases), shared: true }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const { code, message } = error
    const alone = answerOf(identity.replica, [self], trainedHere(context))
    return { ...alone, shared: true, problem: { code, message } }
  }
}

type Leases = ReadonlyMap<string, LeaseView | undefined>

function answerOf(replica: string, members: readonly FleetMember[], leases: Leases): Answer {
  const sorted = [...members].sort((a, b) => (a.replica < b.replica ? -1 : 1))
  return {
    replica,
    shared: false,
    members: sorted.map(describeMember),
    models: [...leases].map(([model, lease]) => ({ model, lease: describeLease(lease) })),
  }
}

function describeSelf({ identity, models, clock }: RouteContext): FleetMember {
  const live = models.flatMap(({ name, live: liveModel }) => {
    const pointer = liveModel.live()?.pointer
    if (pointer === undefined) return []
    const { version, digest, generation } = pointer
    return [[name, { version, digest, generation }] as const]
  })
  return { ...identity, seenMs: clock.nowMs(), live: Object.fromEntries(live) }
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

async function leasesOf(fleet: Fleet, models: readonly string[]): Promise<Leases> {
  const found = models.map(async (model) => [model, await fleet.lease(model)] as const)
  return new Map(await Promise.all(found))
}

/** What this daemon's own trainers say: all there is without a fleet. */
function trainedHere({ models, trainer }: RouteContext): Leases {
  return new Map(models.map(({ name }) => [name, trainer.status(name).lease]))
}
