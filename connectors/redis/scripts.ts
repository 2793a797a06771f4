/**
 * The three queries on a stream, each as one script, so that its answer reflects one moment. Values are truncated
 * inside Redis: an entry of half a gigabyte never crosses the network.
 */
import { CodedError } from '../../src/contracts/core.ts'
import type { RedisCommands } from '../../src/contracts/connector.ts'

/**
 * `info(key)`: last id, highest deleted id, entries ever added, present entries, first id; empty if there is no stream.
 */
const info = `
local function info(key)
  if redis.call('EXISTS', key) == 0 then return {} end
  local flat, of = redis.call('XINFO', 'STREAM', key), {}
  for at = 1, #flat, 2 do of[flat[at]] = flat[at + 1] end
  local first = of['first-entry'] and of['first-entry'][1] or ''
  return { of['last-generated-id'], of['max-deleted-entry-id'] or '', of['entries-added'] or -1,
    of['length'], first }
end`

export const infoScript = `${info}
return info(KEYS[1])`

/**
 * KEYS: stream. ARGV: the id to read after, how many, bytes of a value, bytes of all headers of an entry, bytes in
 * total. Returns whether that id exists, or the state of the stream if it does not; then entries of { id, value, 1 =
 * value truncated or 2 = headers left out, name, value, … }. Trimming removes from the front: while the last entry read
 * exists, no unread entry is missing.
 */
export const readScript = `${info}
local key, after, most = KEYS[1], ARGV[1], tonumber(ARGV[2])
local valueBytes, headerBytes, left = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local function entry(id, fields)
  local name = 'value'
  for at = 1, #fields, 2 do if fields[at] == 'event' then name = 'event' end end
  local read, room, over, value = { id, '', 0 }, headerBytes, 0, ''
  for at = 1, #fields, 2 do
    local field, text = fields[at], fields[at + 1]
    if field == name then value = text
    elseif #field + #text > room then over = 2
    else
      room = room - #field - #text
      read[#read + 1] = field
      read[#read + 1] = text
    end
  end
  if #value > valueBytes then value, over = value:sub(1, valueBytes + 1), 1 end
  read[2], read[3] = value, over
  return read, #value + headerBytes - room
end
local held = #redis.call('XRANGE', key, after, after) > 0
local state = held and {} or info(key)
local entries = {}
while #entries < most and left > 0 do
  local page = redis.call('XRANGE', key, '(' .. after, '+', 'COUNT', math.min(32, most - #entries))
  if #page == 0 then break end
  for _, found in ipairs(page) do
    if left <= 0 then break end
    local read, size = entry(found[1], found[2])
    entries[#entries + 1] = read
    left, after = left - size - 64, found[1]
  end
end
return { held and 1 or 0, state, entries }`

/**
 * KEYS: stream, the hash for the readers' positions, and optionally the epoch. ARGV: id, count, our epoch. Returns 1; 0
 * if the stream does not know this id, so that a position of another history is never stored; -1 for an older epoch.
 */
export const commitScript = `
local key, id = KEYS[1], ARGV[1]
if KEYS[3] and tonumber(redis.call('GET', KEYS[3]) or '0') > tonumber(ARGV[3]) then return { -1 } end
if redis.call('EXISTS', key) == 0 then return { 0 } end
if #redis.call('XRANGE', key, id, id) == 0 and #redis.call('XRANGE', key, '-', id, 'COUNT', 1) > 0 then
  return { 0 }
end
redis.call('HSET', KEYS[2], 'id', id, 'entries', ARGV[2], 'at', redis.call('TIME')[1])
return { 1 }`

/**
 * Commands to Redis and their replies, with failures that a source may have.
 */
export type Reply = null | number | Buffer | readonly Reply[]

/** Runs a script with its keys; an error without a code is treated as retriable. */
export async function evaluate(
  redis: RedisCommands,
  lua: string,
  keys: readonly string[],
  args: readonly (string | number | Buffer)[],
): Promise<readonly Reply[]> {
  const reply = await ask(redis, 'EVAL', lua, keys.length, ...keys, ...args)
  if (!Array.isArray(reply)) throw new Error('a script of ours answers with a list')
  return reply as readonly Reply[]
}

export async function ask(
  redis: RedisCommands,
  name: string,
  ...args: readonly (string | number | Buffer)[]
): Promise<Reply> {
  try {
    return (await redis.bytes(name, ...args)) as Reply
  } catch (cause) {
    if (cause instanceof CodedError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CodedError('SOURCE_FAILED', `Redis, ${name}: ${why}`, { retriable: true, cause })
  }
}

export function textOf(reply: Reply | undefined): string {
  if (typeof reply === 'number') return String(reply)
  return Buffer.isBuffer(reply) ? reply.toString() : ''
}

export function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : []
}
