/** This daemon among the others: what it tells them about itself each second, and what it knows of them. */
import { hostname } from 'node:os'
import type { KnownModel, OpenModel, ServedModels, DaemonContext } from './daemon-context.ts'
import type { Clock } from '../contracts/core.ts'
import type { TrainerStatus } from '../trainer/contract.ts'
import { openMembers, type Member, type MemberInfo, type Members } from '../fleet/members.ts'
import { openRedisLeases } from '../fleet/redis-leases.ts'
import type { Fleet, FleetMember } from '../serving/services/fleet-view.ts'
import type { ServedModel } from '../serving/services/served-model.ts'

export interface Membership {
  readonly fleet: Fleet
  /** All others as last heard of, from memory. */
  others(): readonly Member[]
  /** At once, because something changed. */
  call(): void
}

export interface Self {
  readonly side: ServedModels
  /** Where it answers, once it does. */
  readonly url: () => string | undefined
  readonly training: (model: string) => TrainerStatus | undefined
}

const EVERY_MS = 1000

/** Undefined for a daemon that is by itself. */
export function joinFleet(site: DaemonContext, self: Self): Membership | undefined {
  const { sharing, clock, log, config } = site
  if (sharing === undefined) return undefined
  const { redis, replica } = sharing
  const sinceMs = clock.nowMs()
  const members = openMembers({
    ...{ redis, replica, clock, log },
    card: () => ({ ...cardOf(self), role: config.role, sinceMs }),
  })
  // It only looks: who asks for leases are the trainers.
  const leaseMs = config.fleet.lease_ms
  const leases = openRedisLeases({ redis, holder: replica, leaseMs, clock, log })
  const heard = listen(members, clock)
  site.atEnd(async () => leases.close())
  site.atEnd(async () => members.close())
  site.atEnd(() => {
    heard.stop()
  })
  return {
    fleet: {
      members: async () => (await members.list()).map(shown),
      lease: async (model) => leases.view(model),
    },
    others: () => heard.members().filter((each) => each.replica !== replica),
    call: () => void members.call(),
  }
}

function cardOf({ side, url, training }: Self): Omit<MemberInfo, 'role' | 'sinceMs'> {
  const models = side.served.map((served) => {
    const model = side.models.find(({ name }) => name === served.name)
    return [served.name, { ...liveOf(served), ...doorOf(model), trainer: trainerOf(served) }]
  })
  const named = Object.fromEntries(models) as MemberInfo['models']
  return { pid: process.pid, host: hostname(), url: url() ?? null, models: named }

  function trainerOf({ name }: ServedModel): TrainerStatus | null {
    return training(name) ?? null
  }
}

function liveOf({ live }: ServedModel) {
  const pointer = live.live()?.pointer
  const { version = null, digest = null } = pointer?.live ?? {}
  return { version, digest, generation: pointer?.generation ?? 0 }
}

/** What came in here and the trainer cannot count. */
export function doorOf(model: (KnownModel & Partial<OpenModel>) | undefined) {
  const counts = Object.values(model?.deadLetters.counts() ?? {})
  return {
    rejected: counts.reduce((sum, each) => sum + each, 0),
    duplicates: model?.inbox?.duplicates() ?? 0,
    waiting: model?.forwarder?.waiting() ?? 0,
    unread: model?.inbox?.unread() ?? 0,
    consumed: model?.inbox?.marks().consumed ?? 0,
    heard: model?.forwarder?.heard() ?? '',
  }
}

function shown({ replica, role, url, seenMs, models }: Member): FleetMember {
  const live = Object.entries(models).flatMap(([model, { version, digest, generation }]) =>
    version === null || digest === null ? [] : [[model, { version, digest, generation }] as const],
  )
  const where = url === null ? {} : { url }
  return { replica, role, seenMs, ...where, live: Object.fromEntries(live) }
}

/** While Redis is away, what was heard last stands until it is old. */
function listen(members: Members, clock: Clock) {
  const stopped = new AbortController()
  let last: readonly Member[] = []
  void (async () => {
    while (!stopped.signal.aborted) {
      last = await members.list().catch(() => last.filter(({ seenMs }) => isFresh(seenMs, clock)))
      await clock.sleep(EVERY_MS, stopped.signal).catch(() => undefined)
    }
  })()
  return { members: () => last, stop: () => stopped.abort() }
}

function isFresh(seenMs: number, clock: Clock): boolean {
  return clock.nowMs() - seenMs < FORGET_MS
}

const FORGET_MS = 60_000
