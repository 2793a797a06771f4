/**
 * Erases events from what a fleet shares in Redis: entries of the feedback stream, and the copies of the predictions that
 * they were about. Repeating it is harmless. The reader of the stream passes over entries that are gone.
 *
 * The trainer that forgets also leaves the hashes of the events in Redis, and each daemon takes them into its own inbox, so
 * that none of them stores such an event when it is sent again.
 */
import type { Redis, RedisBytes, RedisReply } from '../platform/redis/redis.ts'
import { isQuoting, isWanted, parsed, type ErasedEvents, type ParseRecord } from './erase-events.ts'
import { ERASED } from './inbox/erased-predictions.ts'
import type { Inbox } from './inbox/inbox.ts'
import { predictionOf } from './predictions/fleet-predictions.ts'

interface SharedPlaces {
  readonly redis: Pick<Redis, 'bytes' | 'command'>
  /** The key of the feedback stream. */
  readonly stream: string
  /** The key of a prediction, by its id. */
  readonly keyOf: (id: string) => string
  /** A sorted set: the ids of predictions that cite, by the time of their answers. */
  readonly citing: string
}

interface SharedErasure {
  readonly counts: Readonly<Record<'feedback_stream' | 'shared_predictions', number>>
  /** The predictions that were given the answers of such events. */
  readonly quoting: readonly string[]
}

/** Entries of up to 64 KiB each. */
const PAGE = 100

export async function eraseShared(
  { redis, stream, keyOf, citing }: SharedPlaces,
  wanted: ErasedEvents,
  parse: ParseRecord,
): Promise<SharedErasure> {
  const quoting = await quotingIn({ redis, keyOf, citing }, wanted)
  const about = new Set([...wanted.predictions, ...quoting])
  const found: string[] = []
  for await (const { id, event, timeMs } of entriesOf(redis, stream)) {
    const meant = timeMs < wanted.atMs ? parsed(event, timeMs, parse) : undefined
    if (meant === undefined) continue
    if (!isWanted(wanted, { ...meant, timeMs: meant.timeMs ?? timeMs })) continue
    if (meant.predictionId !== undefined) about.add(meant.predictionId)
    found.push(id)
  }
  const isDryRun = wanted.isDryRun === true
  const keys = [...about].map(keyOf)
  // The entries last: after a crash they still name the predictions.
  const shared = await inPages(keys, async (page) => {
    const kept = listOf(await redis.bytes('MGET', ...page)).map(textOf)
    const whole = page.filter((_, at) => kept[at] !== '' && kept[at] !== ERASED)
    if (isDryRun) return whole.length
    // Its id stays as long as it would have.
    for (const key of whole) await redis.command('SET', key, ERASED, 'XX', 'KEEPTTL')
    return whole.length
  })
  const entries = isDryRun
    ? found.length
    : await inPages(found, async (page) => redis.command('XDEL', stream, ...page))
  return { counts: { feedback_stream: entries, shared_predictions: shared }, quoting }
}

async function quotingIn(
  { redis, keyOf, citing }: Omit<SharedPlaces, 'stream'>,
  wanted: ErasedEvents,
): Promise<readonly string[]> {
  const ids = listOf(await redis.bytes('ZRANGE', citing, 0, -1)).map(textOf)
  const found: string[] = []
  for (let from = 0; from < ids.length; from += PAGE) {
    const page = ids.slice(from, from + PAGE)
    const kept = listOf(await redis.bytes('MGET', ...page.map(keyOf)))
    for (const [at, id] of page.entries()) {
      const prediction = predictionOf(id, textOf(kept[at]))
      if (prediction !== undefined && isQuoting(wanted, prediction)) found.push(id)
    }
  }
  return found
}

async function inPages(
  items: readonly string[],
  work: (page: readonly string[]) => Promise<unknown>,
): Promise<number> {
  let count = 0
  for (let from = 0; from < items.length; from += PAGE)
    count += Number(await work(items.slice(from, from + PAGE)))
  return count
}

interface StreamEntry {
  readonly id: string
  readonly event: Uint8Array
  readonly timeMs: number
}

async function* entriesOf(
  redis: SharedPlaces['redis'],
  stream: string,
): AsyncGenerator<StreamEntry> {
  for (let after = '-'; ;) {
    const page = listOf(await redis.bytes('XRANGE', stream, after, '+', 'COUNT', PAGE))
    for (const entry of page) {
      const [id, fields] = listOf(entry)
      const name = textOf(id)
      after = `(${name}`
      yield { id: name, ...read(name, listOf(fields)) }
    }
    if (page.length < PAGE) return
  }
}

/** As the forwarder has written it; the id of an entry begins with the time of Redis. */
function read(id: string, fields: readonly RedisBytes[]): Omit<StreamEntry, 'id'> {
  const values = new Map<string, RedisBytes>()
  for (let at = 0; at < fields.length; at += 2)
    values.set(textOf(fields[at]), fields[at + 1] ?? null)
  const event = values.get('event')
  const timeMs = Number(textOf(values.get('time_ms')) || Number.parseInt(id, 10))
  return { event: Buffer.isBuffer(event) ? new Uint8Array(event) : new Uint8Array(), timeMs }
}

function listOf(reply: RedisBytes | undefined): readonly RedisBytes[] {
  return Array.isArray(reply) ? (reply as readonly RedisBytes[]) : []
}

function textOf(reply: RedisBytes | undefined): string {
  return Buffer.isBuffer(reply) ? reply.toString() : ''
}

interface ForgottenPlace {
  readonly redis: Pick<Redis, 'command' | 'bytes'>
  /** A sorted set: hashes by the time at which they came. */
  readonly key: string
}

const HASHES_AT_ONCE = 1000

/** Repeating it changes nothing. `most`: the newest ones stay. */
export async function shareForgotten(
  { redis, key }: ForgottenPlace,
  hashes: readonly Uint8Array[],
  { nowMs, most }: { readonly nowMs: number; readonly most: number },
): Promise<void> {
  for (let from = 0; from < hashes.length; from += HASHES_AT_ONCE) {
    const page = hashes.slice(from, from + HASHES_AT_ONCE)
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
  for (let from = 0; ; from += HASHES_AT_ONCE) {
    const reply = await redis.bytes('ZRANGE', key, from, from + HASHES_AT_ONCE - 1)
    const page = Array.isArray(reply) ? reply.filter((each) => Buffer.isBuffer(each)) : []
    await inbox.refuse(page)
    if (page.length < HASHES_AT_ONCE) return stamp
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
