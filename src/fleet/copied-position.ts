/**
 * Stores beside the feedback stream how far the newest copy of the checkpoint has learned. A successor starts from that
 * copy, however old it is, so the senders trim nothing after it.
 */
import type { Positions } from '../contracts/source.ts'
import type { Redis } from '../platform/redis/redis.ts'

export interface WordKeys {
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
