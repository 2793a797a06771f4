/**
 * The Lua of checkpoint copies. KEYS: epoch, head, the upload's chunks. A copy is uploaded under a key of its own, which
 * dies by itself when it is not finished, and becomes the copy in one step that names it in the head and drops the one before.
 */
import { redisScript } from '../platform/redis/script.ts'

const PRELUDE = `
local epoch, head, chunks = KEYS[1], KEYS[2], KEYS[3]
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

/** ARGV: epoch, sequence, number of the chunk, its bytes, milliseconds to live. */
export const CHUNK = redisScript(
  'copy chunk',
  `${PRELUDE}
if fenced() then call('UNLINK', chunks) return 'LEASE_LOST' end
call('HSET', chunks, ARGV[3], ARGV[4])
call('PEXPIRE', chunks, ARGV[5])
return 'OK'`,
)

/** ARGV: epoch, sequence, number of chunks, id, bytes, sha256, what an id becomes a key by. */
export const COMMIT = redisScript(
  'copy commit',
  `${PRELUDE}
local lost = fenced()
if lost or not is_later() then
  call('UNLINK', chunks)
  return lost and 'LEASE_LOST' or 'THERE'
end
if call('HLEN', chunks) ~= tonumber(ARGV[3]) then return 'INCOMPLETE' end
local before = call('HGET', head, 'id')
call('PERSIST', chunks)
call('HSET', head, 'epoch', ARGV[1], 'sequence', ARGV[2], 'chunks', ARGV[3], 'id', ARGV[4],
  'bytes', ARGV[5], 'sha256', ARGV[6])
if before then call('UNLINK', ARGV[7] .. before) end
return 'OK'`,
)
