/**
 * The fleet with this daemon's own current state; only this daemon, with the reason, while the others cannot be
 * reached.
 */
import { basename, isAbsolute } from 'node:path'
import { crc32 } from 'node:zlib'
import { CodedError, type Clock, type Json } from '../../../contracts/core.ts'
import type { LeaseView } from '../../../fleet/contract.ts'
import type { ServedModel, TrainerView } from '../served-model.ts'
import { canonicalJson } from '../../../platform/canonical-json.ts'
import type { AskReceipts } from '../feedback/receipts.ts'
import type { AskTrainer } from '../trainer-pages.ts'

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

/**
 * Whether the daemons of a fleet run a model with the same configuration. Each publishes a short sum of every key; the
 * trainer moves between them with the lease, so a daemon with another method or trigger would change how the model learns.
 *
 * By key of the model's configuration. A sum says that two values differ, not what they are.
 */
export type ConfigSums = Readonly<Record<string, string>>

/** `model`: its part of the configuration, with the defaults filled in. */
export function configSums(model: Readonly<Record<string, Json>>): ConfigSums {
  const sums = Object.entries(model).map(([key, value]) => [
    key,
    crc32(canonicalJson(withoutFolders(value))).toString(36),
  ])
  return Object.fromEntries(sums) as ConfigSums
}

/** The keys in which they differ, in alphabetical order. */
export function differingKeys(all: readonly ConfigSums[]): readonly string[] {
  const keys = new Set(all.flatMap(Object.keys))
  return [...keys].filter((key) => new Set(all.map((sums) => sums[key])).size > 1).sort()
}

/** The same file may lie in different folders on two machines. */
function withoutFolders(value: Json): Json {
  if (typeof value === 'string') return isAbsolute(value) ? basename(value) : value
  if (Array.isArray(value)) return value.map(withoutFolders)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).map(([key, each]) => [key, withoutFolders(each)])
  return Object.fromEntries(members) as Json
}

/**
 * A daemon's view of the fleet: the members, their versions, and which one trains which model. Read at each GET of
 * /v1/fleet; if the shared store is away, the answer covers only this daemon and says so.
 */
export interface FleetMember {
  readonly replica: string
  readonly role: string
  /** Its URL, if it has published one. */
  readonly url?: string | undefined
  /** When it was last seen. */
  readonly seenMs: number
  /** By model. */
  readonly live: Readonly<Record<string, FleetLive>>
  /** By model; absent for a model whose daemon is too old to report it. */
  readonly configs?: Readonly<Record<string, ConfigSums>>
}

interface FleetLive {
  readonly version: string
  readonly digest: string
  readonly generation: number
}

export interface Fleet {
  /**
   * All members seen recently, including or excluding this daemon. Rejects with a coded error while that cannot be
   * known.
   */
  members(): Promise<readonly FleetMember[]>
  /** Undefined if no daemon holds it. Rejects likewise. */
  lease(model: string): Promise<LeaseView | undefined>
  /** Absent if the others cannot be asked, as `askTrainer` is. */
  readonly askReceipts?: AskReceipts
  readonly askTrainer?: AskTrainer
}
