/** Under which keys of Redis a model's feedback, predictions and epoch lie. */
import type { Redis } from '../platform/redis/redis.ts'
import type { Positions } from '../contracts/source.ts'

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

/** The ids of predictions that were given stored answers, by time. */
export function citingKey(redis: Redis, model: string): string {
  return redis.key(model, 'citing')
}

/** Hashes of the events that were forgotten on request. */
export function forgottenKey(redis: Redis, model: string): string {
  return redis.key(model, 'forgotten')
}

/** The secret that draws of rankings are mixed with. */
export function rankingKey(redis: Redis, model: string): string {
  return redis.key(model, 'ranking')
}

export function epochKey(redis: Redis, model: string): string {
  return redis.key(model, 'epoch')
}

/**
 * Stores beside the feedback stream how far the newest copy of the checkpoint has learned. A successor starts from that
 * copy, however old it is, so the senders trim nothing after it.
 */
interface WordKeys {
  readonly stream: string
  /** The hash where the stream's reader leaves word. */
  readonly word: string
}

/** `positions` are those of the copied checkpoint, by source; the stream is read by the source `http`. */
export async function noteCopiedPosition(
  redis: Pick<Redis, 'command'>,
  { stream, word }: WordKeys,
  positions: Readonly<Record<string, Positions>>,
): Promise<void> {
  const [, id, entries] = /^(\d+-\d+)\/(\d+)$/.exec(positions.http?.[stream] ?? '') ?? []
  if (id === undefined || entries === undefined) return
  await redis.command('HSET', word, 'copied', id, 'copied_entries', entries)
}
