/**
 * The Lua of checkpoint copies. KEYS: epoch, head, the upload's chunks, the index of uploads. A copy is uploaded as a
 * separate blob and becomes current in one step that names it in the head and drops the previous one; one that is never
 * named expires.
 */
import { redisScript } from '../platform/redis/script.ts'

const PRELUDE = `
local epoch, head, chunks, index = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call = redis.call
local mine, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])

-- Whether a trainer of a later lease has written. A Redis that lost its memory learns the epoch again.
local function fenced()
  local granted = tonumber(call('GET', epoch) or '0')
  local last = tonumber(call('HGET', head, 'epoch') or '0')
  if math.max(granted, last) > mine then return true end
  if granted < mine then call('SET', epoch, string.format('%d', mine)) end
  return false
end

local function is_later()
  local e = tonumber(call('HGET', head, 'epoch') or '-1')
  return e < mine or (e == mine and tonumber(call('HGET', head, 'sequence')) < sequence)
end
`

/** ARGV: epoch, sequence. */
export const BEGIN = redisScript(
  'copy begin',
  `${PRELUDE}
if fenced() then return 'LEASE_LOST' end
return is_later() and 'OK' or 'THERE'`,
)

/**
 * ARGV: epoch, sequence, number of chunks, id, bytes, sha256, the prefix that turns an id into a key, the field that
 * marks a complete blob or '' when it is in another store.
 */
export const COMMIT = redisScript(
  'copy commit',
  `${PRELUDE}
local lost = fenced()
if lost or not is_later() then
  call('UNLINK', chunks)
  call('HDEL', index, ARGV[4])
  return lost and 'LEASE_LOST' or 'THERE'
end
if ARGV[8] ~= '' and call('HEXISTS', chunks, ARGV[8]) == 0 then return 'INCOMPLETE' end
local before = call('HGET', head, 'id')
call('PERSIST', chunks)
call('HSET', head, 'epoch', ARGV[1], 'sequence', ARGV[2], 'chunks', ARGV[3], 'id', ARGV[4],
  'bytes', ARGV[5], 'sha256', ARGV[6])
if before then
  call('UNLINK', ARGV[7] .. before)
  call('HDEL', index, before)
end
return 'OK'`,
)
