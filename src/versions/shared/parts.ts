/** What the fleet's registry is made of, and how its parts hang together. */
import { join } from 'node:path'
import type { Lease } from '../../fleet/contract.ts'
import type { Redis } from '../../platform/redis/redis.ts'
import { Answering } from '../local/answering.ts'
import { Ledger, usualLedgerLimits } from '../local/ledger.ts'
import type { LocalRegistryOptions } from '../local/local.ts'
import { PointerWatch } from '../pointer-watch.ts'
import { Chunks } from './chunks.ts'
import { Repair } from './repair.ts'
import { registryKeys } from './keys.ts'
import { RegistryReplica } from './replica.ts'
import { RedisPointer } from './pointer.ts'
import { Restoring, type Healed } from './restoring.ts'
import { RedisVersions } from './versions.ts'
import { Versions } from '../local/versions.ts'

export interface FleetRegistryOptions extends LocalRegistryOptions {
  readonly redis: Redis
  /** Named in the log. */
  readonly replica: string
  /** A trainer's, undefined while it has none. Absent: whoever writes here is a person. */
  readonly lease?: () => Lease | undefined
  readonly limits?: Partial<FleetLimits>
  /** How soon a change is seen when no message tells of it. */
  readonly pollMs?: number
  /** Bytes of versions to Redis and from it. */
  readonly onBytes?: (way: 'up' | 'down', bytes: number) => void
  /** Something that Redis had lost came back from here. */
  readonly onHealed?: (what: Healed) => void
}

export interface FleetLimits {
  /** All files of a version together: Redis holds as many of them in its memory as `keep` says. */
  readonly versionBytes: number
  /** Moves of the pointer that Redis remembers: as many as a rollback looks back. */
  readonly historyRows: number
}

export interface FleetParts {
  readonly pointer: RedisPointer
  readonly versions: RedisVersions
  readonly chunks: Chunks
  readonly disk: Versions
  readonly ledger: Ledger
  readonly answering: Answering
  readonly watch: PointerWatch
  readonly restoring: Restoring
  readonly mirror: RegistryReplica
}

const usualLimits: FleetLimits = {
  versionBytes: 64 * 1024 * 1024,
  historyRows: 1_000,
}
const POLL_MS = 1_000
/** Another process of this daemon may have written down a move: one row of its own file. */
const LEDGER_POLL_MS = 200

export function assembleFleet(options: FleetRegistryOptions): FleetParts {
  const { folder, model, redis, replica, clock, pollMs = POLL_MS } = options
  const { versionBytes, historyRows } = { ...usualLimits, ...options.limits }
  const remembered = { ...usualLedgerLimits, ...options.remembered }
  const log = options.log.child({ replica })
  const keys = registryKeys(redis, model)
  const ledger = new Ledger(join(folder, 'registry.db'), clock, remembered)
  const disk = new Versions(join(folder, 'versions'), ledger)
  const onBytes = options.onBytes ?? (() => undefined)
  const chunks = new Chunks({ redis, keys, versionBytes, onBytes })
  const versions = new RedisVersions({ redis, keys, chunks, remembered })
  const pointer = new RedisPointer({ redis, keys, clock, historyRows })
  const onHealed = options.onHealed ?? (() => undefined)
  const restoring = new Restoring({ redis: versions, disk, ledger, onHealed, log })
  const healing = new Repair({ ledger, pointer, versions, restoring, historyRows, clock, log })
  const watch = new PointerWatch({
    read: () => ledger.live(),
    clock,
    pollMs: Math.min(pollMs, LEDGER_POLL_MS),
    log,
  })
  const mirror = new RegistryReplica({
    redis,
    keys,
    pointer,
    healing,
    ledger,
    watch,
    clock,
    log,
    pollMs,
  })
  const answering = new Answering(folder)
  return { pointer, versions, chunks, disk, ledger, answering, watch, restoring, mirror }
}
