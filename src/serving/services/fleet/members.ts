/** The daemons of a fleet, as each publishes itself: `status` on any daemon shows all of them. */
import { rest, type Clock, type Logger } from '../../../contracts/core.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'
import type { Redis } from '../../../platform/redis/redis.ts'
import { DAEMONS, openMembership } from '../../../fleet/membership.ts'
import { intakeCounts, type IntakeCounts, type ModelIntake } from '../feedback/feedback-progress.ts'
import type { LiveModel } from '../../live/contract.ts'
import type { ConfigSums, FleetMember } from './fleet-service.ts'

/** The last three counts, and the sums of the configuration, are absent in the report of an older daemon. */
export interface MemberModel
  extends
    Pick<IntakeCounts, 'rejected' | 'duplicates' | 'waiting'>,
    Partial<Pick<IntakeCounts, 'unread' | 'consumed' | 'heard'>> {
  readonly version: string | null
  readonly digest: string | null
  readonly generation: number
  /** How it is trained here; null if another trains it. */
  readonly trainer: TrainerStatus | null
  readonly config?: ConfigSums
}

export interface MemberInfo {
  readonly role: 'all' | 'trainer' | 'server'
  readonly pid: number
  readonly host: string
  readonly url: string | null
  readonly sinceMs: number
  readonly models: Readonly<Record<string, MemberModel>>
}

export interface Member extends MemberInfo {
  readonly replica: string
  readonly seenMs: number
}

interface Members {
  /** All members by name, including this one. Rejects while Redis is unreachable. */
  list(): Promise<readonly Member[]>
  /** Publishes immediately, because something changed. */
  call(): Promise<void>
  close(): Promise<void>
}

const EVERY_MS = 1_000
const LIFE_MS = 5_000

export function openMembers(options: {
  readonly redis: Redis
  readonly replica: string
  readonly card: () => MemberInfo
  readonly clock: Clock
  readonly log: Logger
}): Members {
  const { replica, ...others } = options
  const times = { everyMs: EVERY_MS, lifeMs: LIFE_MS }
  const membership = openMembership<MemberInfo>({
    ...others,
    ...times,
    room: DAEMONS,
    name: replica,
  })
  return {
    async list() {
      const present = await membership.list()
      return present.map(({ name, card, seenMs }) => ({ ...card, replica: name, seenMs }))
    },
    call: () => membership.call(),
    close: () => membership.close(),
  }
}

/** The members of the fleet as last reported, from memory. While Redis is away, the last report stays until it is old. */
interface HeardMembers {
  members(): readonly Member[]
  close(): void
}

const LOOK_MS = 1000
const FORGET_MS = 60_000

export function openHeardMembers(
  members: Pick<Members, 'list'>,
  {
    replica,
    clock,
    log,
  }: { readonly replica: string; readonly clock: Clock; readonly log: Logger },
): HeardMembers {
  const stopped = new AbortController()
  let last: readonly Member[] = []
  const isFresh = ({ seenMs }: Member) => clock.nowMs() - seenMs < FORGET_MS
  /** In how many looks each was missing: after an outage of Redis not all call at once. */
  const missing = new Map<string, number>()
  const report = (names: readonly string[]) => {
    for (const name of names) {
      if (!missing.has(name)) log.info({ replica: name }, 'another daemon is in the fleet')
      missing.set(name, 0)
    }
    for (const [name, looks] of missing) {
      if (names.includes(name)) continue
      missing.set(name, looks + 1)
      if (looks === 0) continue
      missing.delete(name)
      log.warn({ replica: name }, 'another daemon has left the fleet, or is silent')
    }
  }
  void (async () => {
    while (!stopped.signal.aborted) {
      const now = await members.list().catch(() => undefined)
      if (now !== undefined)
        report(now.map((each) => each.replica).filter((name) => name !== replica))
      last = now ?? last.filter(isFresh)
      await rest(clock, LOOK_MS, stopped.signal)
    }
  })()
  return { members: () => last, close: () => stopped.abort() }
}

/**
 * A daemon's report on its models to the other daemons: written here, and read here.
 *
 * `trainer`: undefined if another daemon trains the model.
 */
export function modelInfo(
  live: Pick<LiveModel, 'live'>,
  intake: ModelIntake | undefined,
  trainer: TrainerStatus | undefined,
): MemberModel {
  const pointer = live.live()?.pointer
  const { version = null, digest = null } = pointer?.live ?? {}
  const generation = pointer?.generation ?? 0
  return { version, digest, generation, ...intakeCounts(intake), trainer: trainer ?? null }
}

export function fleetMember({ replica, role, url, seenMs, models }: Member): FleetMember {
  const live = Object.entries(models).flatMap(([model, { version, digest, generation }]) =>
    version === null || digest === null ? [] : [[model, { version, digest, generation }] as const],
  )
  const configs = Object.entries(models).flatMap(([model, { config }]) =>
    config === undefined ? [] : [[model, config] as const],
  )
  const where = url === null ? {} : { url }
  return {
    ...{ replica, role, seenMs, ...where },
    live: Object.fromEntries(live),
    configs: Object.fromEntries(configs),
  }
}
