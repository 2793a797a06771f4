/**
 * The shared beginning of the registry's Lua scripts. Each script is atomic, and takes the keys in the order of
 * `scriptKeys`.
 */
import { redisScript } from '../../platform/redis/script.ts'
import type { RedisScript } from '../../platform/redis/redis.ts'

const PRELUDE = `
local state, moves, manifests, kept, index, pins, damaged, epoch, channel, blobs, bytes = unpack(KEYS)
local call = redis.call

-- Whether a trainer of a later lease has written. An empty epoch is a person's, who needs no lease.
local function fenced(mine)
  if mine == '' then return false end
  local granted = tonumber(call('GET', epoch) or '0')
  if granted > tonumber(mine) then return true end
  if granted < tonumber(mine) then call('SET', epoch, mine) end
  return false
end

local function generation() return tonumber(call('HGET', state, 'generation') or '0') end

-- The clock of changes; a Redis that lost some shows an earlier one.
local function changed() return call('HINCRBY', state, 'revision', 1) end

-- Sorted by bytes, these are sorted by age, as in newestFirst: by number, then the longer name is the younger one.
local function by_age(version)
  local number = string.match(version, '^v(%d+)') or ''
  return string.format('%s%s:%02d:%s', string.rep('0', 20 - #number), number, #version, version)
end
local function of_age(member) return string.match(member, '[^:]+$') end

local function is_whole(version, digest)
  return call('HGET', kept, version) == digest and call('HEXISTS', bytes, 'whole') == 1
end
`

export function registryScript(name: string, lua: string): RedisScript {
  return redisScript(`registry ${name}`, `${PRELUDE}${lua}`)
}
