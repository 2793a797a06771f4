/**
 * Moves inbox messages into the stream that the fleet's trainer reads: one script checks the position in Redis, adds
 * the messages and advances it, or does nothing. A repetition, even of a command that was given up and runs late, finds
 * another position and changes nothing.
 */
import type { Redis } from '../../platform/redis/redis.ts'
import { redisScript } from '../../platform/redis/script.ts'
import type { InboxJournal } from './reader.ts'

export type Messages = ReturnType<InboxJournal['read']>
type Scripts = Pick<Redis, 'script'>

export interface Standing {
  /** The position that Redis stores for this replica; '' for none. */
  readonly place: string
  /** The stream's last id; undefined if there is no stream. */
  readonly last: string | undefined
  /** The id up to which the trainer has learned; '' if it has not reported yet. */
  readonly word: string
  /** The offset of our first message after it in the stream; Infinity if there is none, undefined if that is unknown. */
  readonly unlearned: number | undefined
}

/** `inbox` is the identity of the inbox: an entry of an earlier one under this name has offsets of its own. */
export async function look(
  redis: Scripts,
  keys: readonly string[],
  { replica, inbox }: { readonly replica: string; readonly inbox: string },
): Promise<Standing> {
  const reply = await redis.script(lookScript, keys, [replica, inbox, LOOKED_AT])
  const [place, last, word, unlearned] = textsOf(reply)
  return {
    place,
    last: last === '' ? undefined : last,
    word,
    unlearned: unlearned === '' ? undefined : Number(unlearned),
  }
}

/** Entries after the trainer's mark among which ours is looked for. */
const LOOKED_AT = 100

interface Batch {
  /** The expected position in Redis, and whether there is a stream; otherwise nothing happens. */
  readonly expected: string
  readonly hasStream: boolean
  /** The position afterwards. */
  readonly place: string
  readonly replica: string
  readonly messages: Messages
  readonly unreadEntries: number
  /** Size of the whole stream in the memory of Redis. */
  readonly bytes: number
  readonly keepMs: number
}

/** `moved`: Redis has another position. `full`: the reader is too far behind. */
export async function send(
  redis: Scripts,
  keys: readonly string[],
  batch: Batch,
): Promise<{ status: string; id: string; word: string }> {
  const { expected, place, unreadEntries, bytes, keepMs, replica, hasStream, messages } = batch
  const args = [expected, place, unreadEntries, keepMs, replica, hasStream ? 1 : 0, bytes]
  const texts = messages.flatMap(({ value, offset, timeMs, traceparent = '' }) => [
    ...[bufferOf(value), offset, timeMs, traceparent],
  ])
  const [status, id, word] = textsOf(await redis.script(forwardScript, keys, [...args, ...texts]))
  return { status, id, word }
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function textsOf(reply: unknown): [string, string, string, string] {
  const [first, second, third, fourth] = Array.isArray(reply) ? reply.map(String) : []
  return [first ?? '', second ?? '', third ?? '', fourth ?? '']
}

/**
 * KEYS: stream, our position, the reader's mark. ARGV: replica, inbox, how many entries to look at. Returns our
 * position, the stream's last id, the id of the mark, and the offset of our first entry after it. An entry of an earlier
 * release does not say its inbox.
 */
const lookScript = redisScript(
  'forward-look',
  `local last = ''
if redis.call('EXISTS', KEYS[1]) == 1 then
  local flat = redis.call('XINFO', 'STREAM', KEYS[1])
  for at = 1, #flat, 2 do if flat[at] == 'last-generated-id' then last = flat[at + 1] end end
end
local word = redis.call('HGET', KEYS[3], 'id') or ''
local function unlearned()
  if word == '' then return '' end
  local after = redis.call('XRANGE', KEYS[1], '(' .. word, '+', 'COUNT', ARGV[3])
  for _, entry in ipairs(after) do
    local fields = {}
    for at = 1, #entry[2], 2 do fields[entry[2][at]] = entry[2][at + 1] end
    if fields.replica == ARGV[1] then
      if not fields.inbox then return '' end
      if fields.inbox == ARGV[2] then return fields.offset end
    end
  end
  return #after < tonumber(ARGV[3]) and 'Infinity' or ''
end
return { redis.call('GET', KEYS[2]) or '', last, word, unlearned() }`,
)

/**
 * KEYS as above. ARGV: expected position, new position, maximum of unread entries, age below which an entry is never
 * trimmed (ms), replica, whether the stream existed, its maximum size in bytes, then event, offset, time and
 * traceparent ('' = none) of each message. Returns `sent`, `moved` or `full`, the last id, the id of the mark.
 *
 * Trims only entries that a copy of the reader's checkpoint has learned: another daemon that takes over starts from
 * that copy, however old it is. Without a report about copies, recently learned entries stay. A position expires a week
 * after the last message of its replica.
 */
const forwardScript = redisScript(
  'forward',
  `local stream, place, word = KEYS[1], KEYS[2], KEYS[3]
if (redis.call('GET', place) or '') ~= ARGV[1] then return { 'moved', '', '' } end
if ARGV[6] == '1' and redis.call('EXISTS', stream) == 0 then return { 'moved', '', '' } end
local function at_or_before(one, other)
  local ms, seq = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_seq = string.match(other, '^(%d+)-(%d+)$')
  if ms == other_ms then return tonumber(seq) <= tonumber(other_seq) end
  return tonumber(ms) < tonumber(other_ms)
end
local read = redis.call('HMGET', word, 'id', 'entries', 'copied', 'copied_entries')
-- A copy beyond what was read is one of another history.
if read[1] and read[3] and at_or_before(read[3], read[1]) then
  read[2] = read[4] or read[2]
else
  read[3] = read[1]
end
local unread = redis.call('XLEN', stream)
if read[1] and unread > 0 then
  local young = tonumber(redis.call('TIME')[1]) * 1000 - tonumber(ARGV[4])
  local before = tonumber(string.match(read[3], '^%d+')) < young and read[3] or string.format('%.0f', young)
  redis.call('XTRIM', stream, 'MINID', '~', before)
  local flat = redis.call('XINFO', 'STREAM', stream)
  for at = 1, #flat, 2 do
    if flat[at] == 'entries-added' then unread = math.min(unread, flat[at + 1] - tonumber(read[2] or '0')) end
  end
end
local messages = (#ARGV - 7) / 4
if unread + messages > tonumber(ARGV[3]) then return { 'full', '', read[1] or '' } end
-- An estimate, of a few nodes of the stream: what is learned and young counts too, because it is held as well.
local bytes = redis.call('MEMORY', 'USAGE', stream) or 0
if bytes > tonumber(ARGV[7]) then return { 'full', '', read[1] or '' } end
local id, inbox = '', string.match(ARGV[2], '^[^/]*')
for at = 8, #ARGV, 4 do
  local trace = ARGV[at + 3] == '' and {} or { 'traceparent', ARGV[at + 3] }
  id = redis.call('XADD', stream, '*', 'event', ARGV[at], 'replica', ARGV[5], 'offset', ARGV[at + 1],
    'time_ms', ARGV[at + 2], 'inbox', inbox, unpack(trace))
end
redis.call('SET', place, ARGV[2], 'PX', 604800000)
return { 'sent', id, read[1] or '' }`,
)

/**
 * Which messages of an inbox the trainer has learned, given only its position in the stream: stores the id of each
 * batch's last entry until the trainer's position has passed it.
 */
export class LearnedMarks {
  /** When entry `id` is learned, everything below `offset` is. */
  #marks: { readonly id: string; readonly offset: number }[] = []

  /** The highest offset that is waited for. */
  get last(): number | undefined {
    return this.#marks.at(-1)?.offset
  }

  /** Adds a mark. With many marks the resolution becomes coarser. */
  add(id: string, offset: number): void {
    if (this.#marks.length >= MOST) this.#marks.pop()
    this.#marks.push({ id, offset })
  }

  /** Removes the entries that were passed, and returns the offset reached. */
  passed(word: string): number | undefined {
    const passed = this.#marks.findLastIndex(({ id }) => isAtOrBefore(id, word))
    const offset = this.#marks[passed]?.offset
    this.#marks = this.#marks.slice(passed + 1)
    return offset
  }

  clear(): void {
    this.#marks = []
  }
}

const MOST = 4096

/** Both halves of a stream's id are 64 bits wide. */
export function isAtOrBefore(id: string, other: string): boolean {
  const [ms = 0n, sequence = 0n] = id.split('-').map(BigInt)
  const [otherMs = 0n, otherSequence = 0n] = other.split('-').map(BigInt)
  return ms < otherMs || (ms === otherMs && sequence <= otherSequence)
}
