/**
 * The fleet with this daemon's own current state; only this daemon, with the reason, while the others cannot be
 * reached.
 */
import { CodedError, type Clock } from '../../../contracts/core.ts'
import type { LeaseView } from '../../../fleet/contract.ts'
import type { Fleet, FleetMember } from './fleet-view.ts'
import { differingKeys } from './config-sums.ts'
import type { ServedModel, TrainerView } from '../served-model.ts'

export interface FleetStatus {
  /** The replica that answers. */
  readonly replica: string
  /** Whether it shares its models with others. */
  readonly isShared: boolean
  readonly members: readonly FleetMember[]
  readonly leases: ReadonlyMap<string, LeaseView | undefined>
  /** By model: the keys of its configuration in which the members differ. */
  readonly differing: ReadonlyMap<string, readonly string[]>
  /** Why nothing is known of the others now. */
  readonly problem?: CodedError
}

export interface FleetOptions {
  readonly models: readonly ServedModel[]
  readonly trainer: TrainerView
  readonly identity: {
    readonly replica: string
    readonly role: string
    readonly url?: string | undefined
  }
  /** Absent if it is not part of a fleet. */
  readonly fleet?: Fleet | undefined
  readonly clock: Pick<Clock, 'nowMs'>
}

export async function fleetStatus(options: FleetOptions): Promise<FleetStatus> {
  const { fleet, identity, models } = options
  const { replica } = identity
  const self = selfOf(options)
  const alone = { replica, members: [self], leases: trainedHere(options), differing: new Map() }
  if (fleet === undefined) return { ...alone, isShared: false }
  try {
    const leasesOf = async () =>
      Promise.all(models.map(async ({ name }) => [name, await fleet.lease(name)] as const))
    const [known, leases] = await Promise.all([fleet.members(), leasesOf()])
    const members = [self, ...known.filter((member) => member.replica !== replica)]
    members.sort((a, b) => (a.replica < b.replica ? -1 : 1))
    const differing = new Map(models.map(({ name }) => [name, differingIn(known, name)]))
    return { replica, isShared: true, members, leases: new Map(leases), differing }
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    return { ...alone, isShared: true, problem: error }
  }
}

function differingIn(members: readonly FleetMember[], model: string): readonly string[] {
  return differingKeys(
    members.flatMap(({ configs }) => {
      const sums = configs?.[model]
      return sums === undefined ? [] : [sums]
    }),
  )
}

function selfOf({ identity, models, clock }: FleetOptions): FleetMember {
  const live = models.flatMap(({ name, live: liveModel }) => {
    const pointer = liveModel.live()?.pointer
    if (pointer === undefined) return []
    const { live, generation } = pointer
    return [[name, { ...live, generation }] as const]
  })
  return { ...identity, seenMs: clock.nowMs(), live: Object.fromEntries(live) }
}

/** Without a fleet, the reports of this daemon's own trainers. */
function trainedHere({ models, trainer }: FleetOptions): FleetStatus['leases'] {
  return new Map(models.map(({ name }) => [name, trainer.status(name).lease]))
}
