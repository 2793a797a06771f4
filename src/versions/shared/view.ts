/** What `status` shows of a model's registry in Redis. */
import type { Clock } from '../../contracts/core.ts'
import type { LivePointer } from '../contract.ts'
import type { Redis } from '../../platform/redis/redis.ts'
import { registryKeys } from './keys.ts'
import { RedisPointer } from './pointer.ts'

export interface FleetView {
  readonly pointer: LivePointer | undefined
  readonly generation: number
  /** The highest epoch that a trainer's lease was granted under; 0 before the first. */
  readonly epoch: number
  /** Versions that came out altered and that nobody has put back yet. */
  readonly damaged: number
}

/** Rejects with REDIS_UNAVAILABLE when there is nobody to ask. */
export async function describeFleet(redis: Redis, model: string, clock: Clock): Promise<FleetView> {
  const keys = registryKeys(redis, model)
  const { pointer, generation, epoch, damaged } = await new RedisPointer({
    redis,
    keys,
    clock,
    historyRows: 1,
  }).look()
  return { pointer, generation, epoch, damaged }
}
