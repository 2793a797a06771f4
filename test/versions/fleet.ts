/** Replicas for tests: a connection, a folder and a registry each, on one real Redis. */
import { onTestFinished } from 'vitest'
import type { Clock, Logger } from '../../src/contracts/core.ts'
import type { Lease } from '../../src/fleet/contract.ts'
import type { LocalRegistry } from '../../src/versions/local/local.ts'
import { openFleetRegistry, type FleetRegistryOptions } from '../../src/versions/shared/registry.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRedis, type Redis, type RedisOptions } from '../../src/platform/redis/redis.ts'
import { scratchFolder } from '../scratch-folder.ts'
import { plainBundle, plainOrigin } from './plain-bundle.mjs'

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }

const PATIENCE = 20

/** A busy machine stands still for seconds, and that is no Redis that is away: a replica here waits longer for an answer. */
export const patientClock: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs * PATIENCE, signal),
}

export interface Replica {
  readonly registry: LocalRegistry
  readonly redis: Redis
  readonly folder: string
}

let namespaces = 0

/** Keys of its own in a Redis that other tests use too. */
export function freshNamespace(): string {
  namespaces += 1
  return `t${namespaces}`
}

export async function openReplica(
  port: number,
  namespace: string,
  options: Partial<FleetRegistryOptions> & {
    readonly connection?: Partial<RedisOptions>
    /** Put between the registry and its connection. */
    readonly through?: (redis: Redis) => Redis
  } = {},
): Promise<Replica> {
  const { connection, through = (redis: Redis) => redis, ...rest } = options
  const redis = await openRedis(
    {
      namespace,
      address: { host: '127.0.0.1', port },
      commandMs: 10_000,
      connectMs: 10_000,
      ...connection,
    },
    { log: silent, clock: systemClock },
  )
  const folder = rest.folder ?? scratchFolder()
  const registry = await openFleetRegistry({
    ...plainOrigin,
    folder,
    bundle: plainBundle,
    clock: patientClock,
    log: silent,
    redis: through(redis),
    replica: 'test',
    pollMs: 50 / PATIENCE,
    ...rest,
  })
  onTestFinished(async () => {
    await registry.close()
    redis.close()
  })
  return { registry, redis, folder }
}

/** Calls `first` before a script of this name, each time it is sent. */
export function beforeScript(redis: Redis, name: string, first: () => Promise<void>): Redis {
  return {
    namespace: redis.namespace,
    get status() {
      return redis.status
    },
    key: (...parts) => redis.key(...parts),
    command: (...words) => redis.command(...words),
    bytes: (...words) => redis.bytes(...words),
    script: async (script, ...rest) => {
      if (script.name === name) await first()
      return redis.script(script, ...rest)
    },
    subscribe: (...to) => redis.subscribe(...to),
    close() {
      redis.close()
    },
  }
}

/** A lease that its holder believes in, whatever others were granted since. */
export function leaseOf(epoch: number): Lease {
  const { signal } = new AbortController()
  return { model: plainOrigin.model, epoch, signal, check() {}, release: async () => undefined }
}

export async function until(
  what: () => Promise<boolean> | boolean,
  withinMs = 30_000,
): Promise<number> {
  const startMs = systemClock.monotonicMs()
  while (!(await what())) {
    if (systemClock.monotonicMs() - startMs > withinMs)
      throw new Error(`not within ${withinMs} ms: ${String(what)}`)
    await systemClock.sleep(20)
  }
  return systemClock.monotonicMs() - startMs
}
