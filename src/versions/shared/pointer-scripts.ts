/** The Lua of the live pointer: looking, moving by compare-and-set, and putting back what Redis lost. */
import { registryScript } from './prelude.ts'

export const lookAt = registryScript(
  'look',
  `
return {
  call('HGET', state, 'pointer') or '', generation(), tonumber(call('HGET', state, 'revision') or '0'),
  call('HGET', state, 'incarnation') or '', tonumber(call('GET', epoch) or '0'), call('HLEN', damaged),
}`,
)

/**
 * ARGV: version, digest, expected generation, token, epoch, the complete move, most moves, the pointer that it
 * follows, then version and digest of the other routed versions; the keys from the eleventh on are their bytes. The token makes it harmless to repeat it when its
 * answer was lost: a move that happened is answered again.
 */
export const movePointer = registryScript(
  'move pointer',
  `
local expected = tonumber(ARGV[3])
local number = string.format('%d', expected + 1)
local done = call('HGET', moves, number)
if done and cjson.decode(done).token == ARGV[4] then return {'OK', done} end
if fenced(ARGV[5]) then return {'LEASE_LOST', call('GET', epoch)} end
if generation() ~= expected then return {'GENERATION_STALE', string.format('%d', generation())} end
if not is_whole(ARGV[1], ARGV[2]) then return {'INCOMPLETE', ''} end
for i = 9, #ARGV, 2 do
  local there = call('HGET', kept, ARGV[i]) == ARGV[i + 1]
  if not there or call('HEXISTS', KEYS[7 + (i - 1) / 2], 'whole') == 0 then return {'INCOMPLETE', ''} end
end
-- The same generation of another history: the hash of the move is of what it follows.
if (call('HGET', state, 'pointer') or '') ~= ARGV[8] then return {'GENERATION_STALE', number} end
local json = ARGV[6]
call('HSET', state, 'pointer', json, 'generation', number)
call('HSET', moves, number, json)
call('HDEL', moves, string.format('%d', expected + 1 - tonumber(ARGV[7])))
changed()
call('PUBLISH', channel, number)
return {'OK', json}`,
)

/**
 * Restores a pointer and the moves that led to it, only while Redis has an older one: of several replicas doing it
 * concurrently, all but the first change nothing. ARGV: version, digest, generation, pointer, epoch, then generation
 * and move, and so on.
 */
export const restorePointer = registryScript(
  'restore pointer',
  `
if generation() >= tonumber(ARGV[3]) then return 'THERE' end
if not is_whole(ARGV[1], ARGV[2]) then return 'INCOMPLETE' end
if tonumber(call('GET', epoch) or '0') < tonumber(ARGV[5]) then call('SET', epoch, ARGV[5]) end
for i = 6, #ARGV, 2 do call('HSET', moves, ARGV[i], ARGV[i + 1]) end
call('HSET', state, 'pointer', ARGV[4], 'generation', ARGV[3])
changed()
call('PUBLISH', channel, ARGV[3])
return 'OK'`,
)

/** Manifests of versions that were removed. ARGV: version and row, and so on. */
export const restoreRetired = registryScript(
  'restore retired',
  `
for i = 1, #ARGV, 2 do
  if call('HSETNX', manifests, ARGV[i], ARGV[i + 1]) == 1 then call('ZADD', index, 0, by_age(ARGV[i])) end
end
return 'OK'`,
)

/** ARGV: versions; those without bytes need no pin. A change, so that every replica learns of it. */
export const restorePins = registryScript(
  'restore pins',
  `
local restored = 0
for _, version in ipairs(ARGV) do
  if call('HEXISTS', kept, version) == 1 then restored = restored + call('SADD', pins, version) end
end
if restored > 0 then changed() end
return 'OK'`,
)

/**
 * The end of a repair: no replica may mistake this Redis for the previous one, and its revision continues from the
 * highest that any replica has seen. ARGV: incarnation that was found, the new one, revision seen, epoch seen.
 */
export const restartHistory = registryScript(
  'start again',
  `
if tonumber(call('GET', epoch) or '0') < tonumber(ARGV[4]) then call('SET', epoch, ARGV[4]) end
if tonumber(call('HGET', state, 'revision') or '0') <= tonumber(ARGV[3]) then
  call('HSET', state, 'revision', tonumber(ARGV[3]) + 1)
end
if (call('HGET', state, 'incarnation') or '') == ARGV[1] then call('HSET', state, 'incarnation', ARGV[2]) end
return call('HGET', state, 'incarnation')`,
)
