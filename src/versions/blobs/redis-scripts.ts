/** The Lua of blobs in Redis. KEYS: the hash of the scope, the index of scopes. */
import { redisScript } from '../../platform/redis/script.ts'

/**
 * A piece on its way. A scope that no script has persisted goes by itself when its upload stands still.
 * ARGV: field, bytes, scope, milliseconds to live.
 */
export const putPiece = redisScript(
  'blob put piece',
  `
local isKept = redis.call('PTTL', KEYS[1]) == -1
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSETNX', KEYS[2], ARGV[3], 0)
if not isKept then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
return 'OK'`,
)

/**
 * Shows a blob when every chunk is there in its length, or answers INCOMPLETE. ARGV: the field that shows it, its sha256
 * and bytes; what is before the number of a chunk, bytes, bytes of a chunk; scope, now, milliseconds to live or '' to keep it.
 */
export const showBlob = redisScript(
  'blob show',
  `
local prefix, bytes, size = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
for at = 0, bytes - 1, size do
  local field = prefix .. string.format('%d', at / size)
  if redis.call('HSTRLEN', KEYS[1], field) ~= math.min(size, bytes - at) then return 'INCOMPLETE' end
end
local isKept = redis.call('PTTL', KEYS[1]) == -1
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[6], ARGV[7])
if ARGV[8] == '' then redis.call('PERSIST', KEYS[1])
elseif not isKept then redis.call('PEXPIRE', KEYS[1], ARGV[8]) end
return 'OK'`,
)

/** ARGV: scope. The bytes of its blobs, or -1 when there is none; a scope that has gone leaves the index. */
export const sizeOfScope = redisScript(
  'blob size of scope',
  `
local bytes = -1
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 5) == 'blob:' then
    bytes = math.max(bytes, 0) + tonumber(string.match(redis.call('HGET', KEYS[1], field), '%d+$'))
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HDEL', KEYS[2], ARGV[1]) end
return bytes`,
)

/** ARGV: scope. */
export const removeScope = redisScript(
  'blob remove',
  `
redis.call('UNLINK', KEYS[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 'OK'`,
)
