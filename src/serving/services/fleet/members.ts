/** The daemons of a fleet, as each publishes itself: `status` on any daemon shows all of them. */
import type { Clock, Logger } from '../../../contracts/core.ts'
import type { TrainerStatus } from '../../../trainer/contract.ts'
import type { Redis } from '../../../platform/redis/redis.ts'
import { DAEMONS, openMembership } from '../../../fleet/membership.ts'
import type { ConfigSums } from './config-sums.ts'

export interface MemberModel {
  readonly version: string | null
  readonly digest: string | null
  readonly generation: number
  /** How it is trained here; null if another trains it. */
  readonly trainer: TrainerStatus | null
  /** Refused here, on arrival or by the trainer. */
  readonly rejected: number
  /** Events with an id that was already known on arrival. */
  readonly duplicates: number
  /** Accepted here, and not in the trainer's stream yet. */
  readonly waiting: number
  /** Accepted here, and not saved as learned by the trainer. Absent in the report of an older daemon, like the next two. */
  readonly unread?: number
  /** Everything below this offset of its inbox is learned … */
  readonly consumed?: number
  /** … and is at or before this id of the trainer's stream. */
  readonly heard?: string
  /** Absent in the report of an older daemon. */
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

export interface Members {
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
  const { replica, ...rest } = options
  const times = { everyMs: EVERY_MS, lifeMs: LIFE_MS }
  const membership = openMembership<MemberInfo>({
    ...rest,
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
