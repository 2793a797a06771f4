/**
 * Which events were forgotten on request, as hashes, for the inboxes of a fleet: the trainer that forgets leaves them in
 * Redis, and each daemon takes them into its own inbox, so that none of them stores such an event when it is sent again.
 */
import type { Redis, RedisReply } from '../../platform/redis/redis.ts'
import type { Inbox } from './inbox.ts'

export interface ForgottenPlace {
  readonly redis: Pick<Redis, 'command' | 'bytes'>
  /** A sorted set: hashes by the time at which they came. */
  readonly key: string
}

const PAGE = 1000

/** Repeating it changes nothing. `most`: the newest ones stay. */
export async function shareForgotten(
  { redis, key }: ForgottenPlace,
  hashes: readonly Uint8Array[],
  { nowMs, most }: { readonly nowMs: number; readonly most: number },
): Promise<void> {
  for (let from = 0; from < hashes.length; from += PAGE) {
    const page = hashes.slice(from, from + PAGE)
    await redis.command('ZADD', key, 'NX', ...page.flatMap((hash) => [nowMs, Buffer.from(hash)]))
  }
  if (hashes.length > 0) await redis.command('ZREMRANGEBYRANK', key, 0, -most - 1)
}

/** Takes what is there into an inbox. Returns a stamp of it, to be passed on the next time: nothing is read if it is the same. */
export async function takeForgotten(
  { redis, key }: ForgottenPlace,
  inbox: Pick<Inbox, 'refuse'>,
  before: string | undefined,
): Promise<string> {
  const stamp = await stampOf({ redis, key })
  if (stamp === before) return stamp
  for (let from = 0; ; from += PAGE) {
    const reply = await redis.bytes('ZRANGE', key, from, from + PAGE - 1)
    const page = Array.isArray(reply) ? reply.filter((each) => Buffer.isBuffer(each)) : []
    await inbox.refuse(page)
    if (page.length < PAGE) return stamp
  }
}

/** Their number and the newest time: the clock of the trainer that forgets may be behind that of an earlier one. */
async function stampOf({ redis, key }: ForgottenPlace): Promise<string> {
  const count = await redis.command('ZCARD', key)
  const reply = await redis.command('ZRANGE', key, -1, -1, 'WITHSCORES')
  // A pair in RESP3, and flat in RESP2.
  const [, time] = Array.isArray(reply) ? (reply as readonly RedisReply[]).flat() : []
  return `${String(count)} ${String(time)}`
}
