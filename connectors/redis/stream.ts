/**
 * One stream, read after a place. Redis may lose data (FLUSHALL, a failover to a stale replica) and then number new
 * entries below those already read, so the reader never waits at a place that the stream does not know. It restarts
 * from the last position that this Redis has stored for us, or from the start; repeated events are recognised by their
 * ids.
 */
import { isUtf8 } from 'node:buffer'
import { CodedError, type Logger } from '../../src/contracts/core.ts'
import type { RedisCommands } from '../../src/contracts/connector.ts'
import type { SourceRecord, SourceReset } from '../../src/contracts/source.ts'
import {
  commitScript,
  infoScript,
  readScript,
  ask,
  evaluate,
  listOf,
  textOf,
  type Reply,
} from './scripts.ts'

export interface StreamOptions {
  readonly redis: RedisCommands
  readonly stream: string
  /** The hash where the reader of this model stores its position. */
  readonly readKey: string
  /** A longer value is truncated, one byte over the limit. */
  readonly eventBytes: number
  readonly log: Logger
  readonly onRestart: (reset: Omit<SourceReset, 'timeMs'>) => void
}

interface StreamPage {
  readonly records: readonly SourceRecord[]
  readonly place: Place
  /** Entries that exceeded a limit. */
  readonly refused: number
}

/** Redis's state of an existing stream. */
export interface StreamInfo {
  readonly last: string
  readonly deleted: string
  readonly added: number
  readonly length: number
  /** Undefined when it is empty. */
  readonly first: string | undefined
}

/**
 * The limit for all headers of one entry, as for an HTTP request. Beyond it they are left out, and the entry is not an
 * event.
 */
const HEADER_BYTES = 16 * 1024
/** The limit of one read, so that memory is bounded even if events are large. */
const PAGE_BYTES = 8 * 1024 * 1024

export async function readStream(
  options: StreamOptions,
  from: Place,
  records: number,
): Promise<StreamPage> {
  const { redis, stream, eventBytes } = options
  for (let place = from; ;) {
    const args = [place.id, records, eventBytes, HEADER_BYTES, PAGE_BYTES]
    const [held, state, entries] = await evaluate(redis, readScript, [stream], args)
    if (held === 1) return pageOf(listOf(entries), place, stream)
    const known = await judge(options, place, infoOf(listOf(state), stream))
    if (known.id === place.id) return pageOf(listOf(entries), known, stream)
    place = known
  }
}

/** Undefined if there is no stream. */
export async function lookAt(
  redis: RedisCommands,
  stream: string,
): Promise<StreamInfo | undefined> {
  return infoOf(await evaluate(redis, infoScript, [stream], []), stream)
}

/** Entries after a place, and the place with its count corrected if the count is certain. */
export function lagAfter(place: Place, info: StreamInfo): { lag: number; place: Place } {
  if (info.last === place.id) return { lag: 0, place: { ...place, count: info.added } }
  if (isStart(place) || compareIds(info.last, place.id) < 0) return { lag: info.length, place }
  if (isBefore(place, info)) return { lag: info.length, place }
  return { lag: Math.min(info.length, Math.max(0, info.added - place.count)), place }
}

/** Stores this reader's position. Returns whether the stream knows that place. */
export async function noteCommitted(
  { redis, stream, readKey }: Pick<StreamOptions, 'redis' | 'stream' | 'readKey'>,
  { id, count }: Place,
  fence: { readonly key: string; readonly epoch: number } | undefined,
): Promise<boolean> {
  const keys = [stream, readKey, ...(fence ? [fence.key] : [])]
  const args = [id, count, fence?.epoch ?? 0]
  const [answer] = await evaluate(redis, commitScript, keys, args)
  if (answer === -1) {
    const details = { stream, epoch: fence?.epoch ?? 0 }
    const message = `${stream} is read under a later lease`
    throw new CodedError('LEASE_LOST', message, { retriable: true, details })
  }
  return answer === 1
}

/** Where to continue if the entry of a place is not in the stream. */
async function judge(
  options: StreamOptions,
  place: Place,
  info: StreamInfo | undefined,
): Promise<Place> {
  if (info === undefined) return isStart(place) ? place : restart(options, place, 'is gone')
  if (isStart(place)) return { ...place, count: info.added - info.length }
  if (compareIds(info.last, place.id) < 0) {
    return restart(options, place, `ends at ${info.last}, before what was read`)
  }
  if (isBefore(place, info)) return passTrimmed(options, place, info)
  // Deleted by hand: the entries after it still exist.
  if (compareIds(info.deleted, place.id) >= 0) return place
  return restart(options, place, 'has another history')
}

function isBefore(place: Place, { first }: StreamInfo): boolean {
  return first === undefined || compareIds(place.id, first) < 0
}

/** The last position that this Redis stored for us: replication keeps the order, so it has everything up to there. */
async function restart(options: StreamOptions, place: Place, why: string): Promise<Place> {
  const word = await lastWord(options)
  const to = word !== undefined && compareIds(word.id, place.id) < 0 ? word : start
  tellRestart(options, place, to, why)
  return to
}

function tellRestart(
  { stream, onRestart }: Pick<StreamOptions, 'stream' | 'onRestart'>,
  from: Place,
  to: Place,
  why: string,
): void {
  const reason = `the stream ${stream} ${why}`
  onRestart({ partition: stream, reason, from: placeText(from), to: placeText(to) })
}

/** Everything up to the place is gone: trimmed entries were read, or some were not. */
async function passTrimmed(options: StreamOptions, place: Place, info: StreamInfo): Promise<Place> {
  const { stream, log } = options
  const removed = info.added - info.length
  const missing = removed - place.count
  const here = { ...place, count: removed }
  // More was read than this stream ever lost: it is a new stream, and all of its entries come after the place.
  if (missing < 0) tellRestart(options, place, here, 'was deleted and created again')
  if (missing <= 0) return here
  const details = { stream, read: placeText(place), first: info.first ?? '', missing }
  const word = await lastWord(options)
  // Either this model read them earlier, in a state that is lost, or someone deletes by hand, in which case the count
  // proves nothing.
  if ((word !== undefined && word.count >= removed) || info.deleted !== start.id) {
    log.warn(details, 'entries of the stream are gone that this state has not read')
    return here
  }
  const message = `${stream} was trimmed: ${missing} entries after ${place.id} were never read`
  throw new CodedError('SOURCE_MISSING', message, { details })
}

async function lastWord({ redis, readKey }: StreamOptions): Promise<Place | undefined> {
  const [id, entries] = listOf(await ask(redis, 'HMGET', readKey, 'id', 'entries')).map(textOf)
  return id ? { id, count: Number(entries) } : undefined
}

function infoOf(reply: readonly Reply[], stream: string): StreamInfo | undefined {
  if (reply.length === 0) return undefined
  const [last, deleted, added, length, first] = reply.map(textOf)
  if (Number(added) < 0) {
    const message = `${stream}: a Redis before 7.0 does not count the entries of a stream`
    throw new CodedError('REDIS_UNSUPPORTED', message, { details: { stream } })
  }
  return {
    last: last ?? start.id,
    deleted: deleted ?? start.id,
    added: Number(added),
    length: Number(length),
    first: first === '' ? undefined : first,
  }
}

const tooManyHeaders = {
  code: 'EVENT_TOO_LARGE',
  reason: `the fields beside the event have more than ${HEADER_BYTES} bytes`,
}

function pageOf(entries: readonly Reply[], from: Place, stream: string): StreamPage {
  let place = from
  let refused = 0
  const records = entries.map((entry): SourceRecord => {
    const [id, value, over, ...fields] = listOf(entry)
    place = { id: textOf(id), count: place.count + 1 }
    if (over !== 0) refused += 1
    return {
      partition: stream,
      position: place.id,
      next: placeText(place),
      value: bytesOf(value),
      ...described(place.id, fields),
      ...(over === 2 && { refused: tooManyHeaders }),
    }
  })
  return { records, place, refused }
}

/** Entries can carry metadata only in their fields: `time_ms` is when the event arrived, otherwise the id says so. */
function described(id: string, fields: readonly Reply[]): Pick<SourceRecord, 'headers' | 'timeMs'> {
  const headers: Record<string, string | Uint8Array> = {}
  for (let at = 0; at < fields.length; at += 2) {
    const value = bytesOf(fields[at + 1])
    headers[textOf(fields[at])] = isUtf8(value) ? Buffer.from(value).toString() : value
  }
  const { time_ms: said, ...others } = headers
  const timeMs = timeOf(said) ?? timeOf(id.split('-', 1)[0])
  return {
    ...(Object.keys(others).length > 0 && { headers: others }),
    ...(timeMs !== undefined && { timeMs }),
  }
}

/** Ids may be chosen freely: small ones are not times. */
function timeOf(text: string | Uint8Array | undefined): number | undefined {
  return typeof text === 'string' && /^[1-9]\d{11,14}$/.test(text) ? Number(text) : undefined
}

function bytesOf(reply: Reply | undefined): Uint8Array {
  return Buffer.isBuffer(reply) ? new Uint8Array(reply) : new Uint8Array()
}

/**
 * A place in a Redis stream: the id of the last entry read, and the number of entries ever added up to it (Redis counts
 * them: `entries-added`). The count distinguishes unread entries that were trimmed from read ones, and gives the lag.
 */
export interface Place {
  readonly id: string
  readonly count: number
}

/** Before the first entry: no entry has this id. */
export const start: Place = { id: '0-0', count: 0 }

function isStart({ id }: Place): boolean {
  return id === start.id
}

export function placeText({ id, count }: Place): string {
  return `${id}/${count}`
}

export function placeOf(text: string | undefined, stream: string): Place {
  if (text === undefined) return start
  const [, id, count] = /^(\d{1,20}-\d{1,20})\/(\d{1,15})$/.exec(text) ?? []
  if (id !== undefined && count !== undefined) return { id, count: Number(count) }
  throw new CodedError('SOURCE_MISSING', `${stream}: "${text}" is not a place in a stream`, {
    details: { stream, position: text },
  })
}

/** Negative if `left` is the earlier id. Both halves are 64 bits wide. */
function compareIds(left: string, right: string): number {
  const [leftMs = 0n, leftSequence = 0n] = left.split('-').map(BigInt)
  const [rightMs = 0n, rightSequence = 0n] = right.split('-').map(BigInt)
  if (leftMs !== rightMs) return leftMs < rightMs ? -1 : 1
  if (leftSequence === rightSequence) return 0
  return leftSequence < rightSequence ? -1 : 1
}
