/** The parts of the fleet's registry, and how they are connected. */
import { join } from 'node:path'
import type { Redis } from '../../platform/redis/redis.ts'
import { type BlobStore, openAfter } from '../blobs/blob-store.ts'
import { openRedisBlobs } from '../blobs/redis.ts'
import { Ledger, usualLedgerLimits } from '../local/ledger.ts'
import { type LocalRegistryOptions, Answering } from '../local/local.ts'
import { PointerWatch } from '../pointer-watch.ts'
import { Repair, Restoring, type RepairKind } from './repair.ts'
import { registryKeys, type RegistryKeys } from './layout.ts'
import { RegistryReplica } from './replica.ts'
import { RedisPointer } from './pointer.ts'
import { RedisVersions } from './versions.ts'
import { VersionBytes } from './version-bytes.ts'
import { Versions } from '../local/versions.ts'

export interface FleetRegistryOptions extends LocalRegistryOptions {
  readonly redis: Redis
  /** Named in the log. */
  readonly replica: string
  /** A trainer's epoch, undefined while it has none. Absent: a person writes here. */
  readonly lease?: () => WriteLease | undefined
  readonly limits?: Partial<FleetLimits>
  /** How soon a change is noticed if the message about it is lost. */
  readonly pollMs?: number
  /** Another process of this daemon polls for this folder: this one has no separate replica. */
  readonly follows?: boolean
  /** The store of the versions' bytes; Redis itself when absent. */
  readonly blobs?: BlobStore | undefined
  /** Something that Redis had lost was restored from here. */
  readonly onRepaired?: (what: RepairKind) => void
}

/** The right to write of the trainer that has the model; `check` throws `LEASE_LOST` when it is in doubt. */
export interface WriteLease {
  readonly epoch: number
  check(): void
}

export interface FleetLimits {
  /** All files of a version together; as many of them are held as `keep` says. */
  readonly versionBytes: number
  /** Moves of the pointer that Redis remembers: as many as a rollback looks back. */
  readonly historyRows: number
}

export interface FleetParts {
  readonly redis: Redis
  readonly pointer: RedisPointer
  readonly versions: RedisVersions
  readonly bytes: VersionBytes
  readonly disk: Versions
  readonly ledger: Ledger
  readonly answering: Answering
  readonly watch: PointerWatch
  readonly restoring: Restoring
  readonly registryReplica: RegistryReplica
}

const usualLimits: FleetLimits = {
  versionBytes: 64 * 1024 * 1024,
  historyRows: 1_000,
}
const POLL_MS = 1_000
/** Another process of this daemon may have recorded a move: one row of a local file. */
const LEDGER_POLL_MS = 200

export function assembleFleet(options: FleetRegistryOptions): FleetParts {
  const { folder, model, redis, replica, clock, pollMs = POLL_MS } = options
  const { versionBytes, historyRows } = { ...usualLimits, ...options.limits }
  const remembered = { ...usualLedgerLimits, ...options.remembered }
  const log = options.log.child({ replica })
  const keys = registryKeys(redis, model)
  const ledger = new Ledger(join(folder, 'registry.db'), clock, remembered)
  const disk = new Versions(join(folder, 'versions'), ledger)
  const isInRedis = options.blobs === undefined
  const blobs = blobsOf(options, keys)
  const bytes = new VersionBytes({ redis, keys, blobs, isInRedis, versionBytes })
  const versions = new RedisVersions({ redis, keys, bytes, remembered })
  const pointer = new RedisPointer({ redis, keys, clock, historyRows })
  const onRepaired = options.onRepaired ?? (() => undefined)
  const restoring = new Restoring({ redis: versions, disk, ledger, onRepaired, log })
  const repair = new Repair({ ledger, pointer, versions, restoring, historyRows, clock, log })
  const watch = new PointerWatch({
    read: () => ledger.live(),
    clock,
    pollMs: Math.min(pollMs, LEDGER_POLL_MS),
    log,
  })
  const registryReplica = new RegistryReplica({
    redis,
    keys,
    pointer,
    repair,
    ledger,
    watch,
    clock,
    log,
    pollMs,
    follows: options.follows ?? false,
  })
  const answering = new Answering(folder)
  const stores = { bytes, disk, ledger, answering }
  return { redis, pointer, versions, ...stores, watch, restoring, registryReplica }
}

/** Scripts claim the bytes in Redis when they show its version. */
function blobsOf({ redis, clock, blobs }: FleetRegistryOptions, keys: RegistryKeys): BlobStore {
  const keyOf = (digest: string) => keys.bytes(digest)
  const inRedis = openRedisBlobs({ redis, clock, keyOf, index: keys.blobs, claimed: true })
  return blobs === undefined ? inRedis : openAfter(inRedis, blobs)
}
