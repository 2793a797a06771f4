/** The Lua of blobs in Redis. KEYS: the hash of the scope, the index of scopes. */
import { redisScript } from '../../platform/redis/script.ts'

/**
 * A chunk in transit. A scope that no script has persisted expires if its upload stalls. ARGV: field, bytes, scope,
 * time to live in milliseconds.
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
 * Shows a blob when every chunk has its full length, or returns INCOMPLETE. ARGV: the field that shows it, its sha256
 * and bytes; the prefix of a chunk's number, bytes, bytes of a chunk; scope, now, time to live in milliseconds or '' to
 * keep it.
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

/** ARGV: scope. Returns the bytes of its blobs, or -1 if there is none; removes an expired scope from the index. */
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
