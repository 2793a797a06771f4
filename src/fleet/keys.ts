/** Under which keys of Redis a model's feedback, predictions and epoch lie. */
import type { Redis } from '../platform/redis/redis.ts'

/** Where the feedback of all replicas of a fleet is collected. */
export function feedbackStream(redis: Redis, model: string): string {
  return redis.key(model, 'feedback')
}

/** How much of a replica's inbox is in the stream. */
export function forwardedKey(redis: Redis, model: string, replica: string): string {
  return redis.key(model, 'forwarded', replica)
}

export function predictionKey(redis: Redis, model: string): (id: string) => string {
  return (id) => redis.key(model, 'p', id)
}

/** Hashes of the events that were forgotten on request. */
export function forgottenKey(redis: Redis, model: string): string {
  return redis.key(model, 'forgotten')
}

export function epochKey(redis: Redis, model: string): string {
  return redis.key(model, 'epoch')
}
