/**
 * The shared parts of a fleet: the connection, the registry on top of it, and the Redis keys of everything else.
 * Without `redis` in the config there is no fleet, only a single daemon.
 */
import { taskNameOf } from '../config/tasks.ts'
import { identityOf } from '../adapters/base-identity.ts'
import { randomBytes } from 'node:crypto'
import { readKeyOf } from '../../connectors/redis/source.ts'
import { bundleFor, folderOf, modelOf, openRegistry, rememberedBy } from './parts.ts'
import type { Clock, Logger } from '../contracts/core.ts'
import type { Base } from '../contracts/network.ts'
import type { CheckpointCopies, Lease } from '../fleet/contract.ts'
import { feedbackStream, forwardedKey } from '../fleet/keys.ts'
import { openFairLeases, type FairLeases } from '../fleet/fair-leases.ts'
import { openCheckpointCopies } from '../fleet/checkpoint-copies.ts'
import { openRedisLeases } from '../fleet/redis-leases.ts'
import type { ForwardKeys } from '../intake/inbox/forwarder-options.ts'
import type { LocalRegistry } from '../versions/local/local.ts'
import { openFleetRegistry, type FleetRegistryOptions } from '../versions/shared/redis.ts'
import type { Config } from '../config/config.ts'
import { redisOptions } from '../config/redis.ts'
import { openRedis, type Redis } from '../platform/redis/redis.ts'
import { openBlobPlace, type BlobPlace } from '../versions/blobs/open.ts'

/** The part of a fleet that one process has. */
export interface Sharing {
  readonly redis: Redis
  /** The name of this daemon in the fleet. */
  readonly replica: string
  /** Where the bytes lie; in Redis when absent. */
  readonly place?: BlobPlace | undefined
}

export interface RegistryNeeds {
  readonly clock: Clock
  readonly log: Logger
  readonly sharing?: Sharing | undefined
  /** Something that Redis or the blob store had lost came back from this daemon. */
  readonly onRepaired?: FleetRegistryOptions['onRepaired']
  /** A trainer's lease; absent when a person writes. */
  readonly lease?: (() => Lease | undefined) | undefined
}

/** A separate connection; undefined for a single daemon. */
export async function connect(
  { redis }: Config,
  parts: { readonly clock: Clock; readonly log: Logger },
): Promise<Redis | undefined> {
  return redis === undefined ? undefined : openRedis(redisOptions(redis), parts)
}

/** A part in the fleet; undefined for a daemon that is by itself. */
export async function share(
  config: Config,
  replica: string,
  parts: Pick<TrainerNeeds, 'clock' | 'log' | 'atEnd'>,
): Promise<Sharing | undefined> {
  const redis = await connect(config, parts)
  if (redis === undefined) return undefined
  parts.atEnd(() => {
    redis.close()
  })
  const place = openBlobPlace(config.fleet.blobs)
  parts.atEnd(() => place?.close())
  return { redis, replica, place }
}

/** The model's registry: on this disk alone, or the fleet's with this disk as its replica. */
export async function openSharedRegistry(
  config: Config,
  model: string,
  base: Base,
  { sharing, lease, onRepaired, ...parts }: RegistryNeeds,
): Promise<LocalRegistry> {
  if (sharing === undefined) return openRegistry(config, model, base, parts)
  return openFleetRegistry({
    folder: folderOf(config, model),
    model,
    base: identityOf(base),
    task: taskNameOf(modelOf(config, model)),
    bundle: bundleFor(base, config),
    ...parts,
    ...(onRepaired && { onRepaired }),
    redis: sharing.redis,
    replica: sharing.replica,
    blobs: sharing.place?.of(model, 'versions'),
    // A trainer is the child of a daemon that has a replica of the same model in the same folder.
    ...(lease && { lease, follows: true }),
    remembered: rememberedBy(config),
    limits: { versionBytes: config.fleet.version_bytes },
  })
}

/** The fleet services that the trainers of one process need. */
export interface TrainerFleet {
  readonly sharing: Sharing
  readonly leases: FairLeases
  readonly copies: CheckpointCopies
}

export interface TrainerNeeds {
  readonly clock: Clock
  readonly log: Logger
  readonly replica: string
  readonly models: readonly string[]
  atEnd(close: () => Promise<void> | void): void
}

/** Two connections, so that lease commands never wait behind a checkpoint copy. */
export async function joinAsTrainer(
  config: Config,
  { replica, models, ...needs }: TrainerNeeds,
): Promise<TrainerFleet | undefined> {
  const { clock, log } = needs
  const parts = { clock, log }
  const [sharing, ofLeases] = await Promise.all([
    share(config, replica, needs),
    connect(config, parts),
  ])
  if (sharing === undefined || ofLeases === undefined) return undefined
  needs.atEnd(() => {
    ofLeases.close()
  })
  const { lease_ms: leaseMs, copy_bytes: maxBytes } = config.fleet
  const leases = openFairLeases({
    ...parts,
    leases: openRedisLeases({ ...parts, redis: ofLeases, holder: replica, leaseMs }),
    redis: ofLeases,
    replica,
    instance: randomBytes(4).toString('hex'),
    models: () => models,
    leaseMs,
  })
  needs.atEnd(async () => leases.close())
  const { redis, place } = sharing
  const blobsOf = place && ((model: string) => place.of(model, 'copies'))
  const copies = openCheckpointCopies({ ...parts, redis, maxBytes, blobsOf })
  return { sharing, leases, copies }
}

export function forwardKeys({ redis, replica }: Sharing, model: string): ForwardKeys {
  const stream = feedbackStream(redis, model)
  const place = forwardedKey(redis, model, replica)
  return { stream, place, word: readKeyOf(stream, model) }
}
