/** This daemon's membership: it publishes its state once a second and collects that of the others. */
import { hostname } from 'node:os'
import { hearMembers } from '../serving/services/fleet/heard-members.ts'
import { openMembers, type Member, type MemberInfo } from '../serving/services/fleet/members.ts'
import { openRedisLeases } from '../fleet/redis-leases.ts'
import type { Fleet } from '../serving/services/fleet/fleet-view.ts'
import { fleetMember, modelInfo } from '../serving/services/fleet/member-info.ts'
import type { TrainerStatus } from '../trainer/contract.ts'
import type { DaemonContext, ServedModels } from './daemon-context.ts'

export interface Membership {
  readonly fleet: Fleet
  /** All other members as last reported, from memory. */
  others(): readonly Member[]
  /** Publishes immediately, because something changed. */
  call(): void
}

export interface Self {
  readonly side: ServedModels
  /** Its URL, once it answers. */
  readonly url: () => string | undefined
  readonly training: (model: string) => TrainerStatus | undefined
}

/** Undefined for a single daemon. */
export function joinFleet(context: DaemonContext, self: Self): Membership | undefined {
  const { sharing, clock, log, config } = context
  if (sharing === undefined) return undefined
  const { redis, replica } = sharing
  const { role } = config
  const sinceMs = clock.nowMs()
  const card = (): MemberInfo => ({
    ...{ pid: process.pid, host: hostname(), role, sinceMs },
    url: self.url() ?? null,
    models: modelsOf(self),
  })
  const members = openMembers({ redis, replica, clock, log, card })
  // It only looks: the trainers are those that ask for leases.
  const leaseMs = config.fleet.lease_ms
  const leases = openRedisLeases({ redis, holder: replica, leaseMs, clock, log })
  const heard = hearMembers(members, clock)
  context.atEnd(async () => leases.close())
  context.atEnd(async () => members.close())
  context.atEnd(() => {
    heard.close()
  })
  return {
    fleet: {
      members: async () => (await members.list()).map(fleetMember),
      lease: async (model) => leases.view(model),
    },
    others: () => heard.members().filter((each) => each.replica !== replica),
    call: () => void members.call(),
  }
}

function modelsOf({ side, training }: Self): MemberInfo['models'] {
  const intakes = new Map(side.models.map((model) => [model.name, model]))
  const infos = side.served.map(({ name, live }) => {
    return [name, modelInfo(live, intakes.get(name), training(name))] as const
  })
  return Object.fromEntries(infos)
}
