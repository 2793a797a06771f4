/** The Lua of versions: an upload is invisible until `commitVersion` shows all of it in one step. */
import { registryScript } from './layout.ts'

/**
 * Makes a version visible, if every chunk is there in its length. Bytes that lie in another store than Redis have no chunks here.
 *
 * ARGV: version, digest, manifest, epoch, most manifests, sizes, how, generation, then chunk and length, and so on. `how`:
 * `publish`; `restore`, which brings nothing back that was removed; `force`, which also takes the place of another content
 * while the pointer is older than `generation`.
 */
export const commitVersion = registryScript(
  'commit version',
  `
local version, digest, how = ARGV[1], ARGV[2], ARGV[7]
if fenced(ARGV[4]) then return 'LEASE_LOST' end
local row, there = call('HGET', manifests, version), call('HGET', kept, version)
local known = there or (row and string.sub(row, 1, 64))
local forced = how == 'force' and generation() < tonumber(ARGV[8])
if known and known ~= digest and not forced then return 'VERSION_EXISTS' end
if known and not there and how == 'restore' then return 'VERSION_REMOVED' end
for i = 9, #ARGV, 2 do
  if call('HSTRLEN', bytes, ARGV[i]) ~= tonumber(ARGV[i + 1]) then return 'INCOMPLETE' end
end
-- The same slot as every other key here: its name differs in the digest alone.
if there and there ~= digest then
  call('UNLINK', string.sub(bytes, 1, -65) .. there)
  call('HDEL', blobs, there)
end
call('HSET', bytes, 'whole', ARGV[6])
call('PERSIST', bytes)
if known ~= digest or how ~= 'publish' then call('HSET', manifests, version, digest .. ' ' .. ARGV[3]) end
call('HSET', kept, version, digest)
call('ZADD', index, 0, by_age(version))
call('HDEL', damaged, version)
changed()
-- Of the oldest, those with bytes here stay.
local over = call('ZCARD', index) - call('HLEN', kept) - tonumber(ARGV[5])
if over > 0 then
  for _, member in ipairs(call('ZRANGE', index, 0, over + call('HLEN', kept))) do
    local old = of_age(member)
    if over > 0 and call('HEXISTS', kept, old) == 0 then
      call('ZREM', index, member)
      call('HDEL', manifests, old)
      over = over - 1
    end
  end
end
return 'OK'`,
)

/** ARGV: epoch, then version and digest, and so on; its bytes are the keys from the eleventh on, in the same order. */
export const removeVersions = registryScript('remove versions', removing('previous, pinned'))

/** The same for good: the one before the live one and pinned ones go too. */
export const retireVersions = registryScript('retire versions', removing('none'))

function removing(keeps: 'previous, pinned' | 'none'): string {
  const keepsAll = keeps !== 'none'
  return `
if fenced(ARGV[1]) then return 'LEASE_LOST' end
local stays, removed = {}, {}
local pointer = call('HGET', state, 'pointer')
if pointer then
  local live = cjson.decode(pointer)
  stays[live.version] = true
  if live.canary then stays[live.canary.version] = true end
  if live.shadow then stays[live.shadow.version] = true end
  if ${keepsAll} and live.previous ~= cjson.null then stays[live.previous] = true end
end
for i = 2, #ARGV, 2 do
  local version = ARGV[i]
  local mine = call('HGET', kept, version) == ARGV[i + 1]
  local pinned = call('SISMEMBER', pins, version) == 1
  if mine and not stays[version] and not (pinned and ${keepsAll}) then
    if pinned then call('SREM', pins, version) end
    call('HDEL', kept, version)
    call('HDEL', damaged, version)
    call('UNLINK', KEYS[10 + i / 2])
    call('HDEL', blobs, ARGV[i + 1])
    table.insert(removed, version)
  end
end
if #removed > 0 then changed() end
return removed`
}

/** ARGV: version. Both at one moment: a manifest without a digest in `kept` says that the bytes were removed. */
export const findVersion = registryScript(
  'find version',
  `
return {call('HGET', manifests, ARGV[1]) or '', call('HGET', kept, ARGV[1]) or ''}`,
)

/**
 * Newest first. ARGV: the version after which the page starts, or ''; how many. Returns for each whether its bytes are
 * here, and its manifest.
 */
export const listVersions = registryScript(
  'list versions',
  `
local found = {}
local from = ARGV[1] == '' and '+' or '(' .. by_age(ARGV[1])
for _, member in ipairs(call('ZREVRANGEBYLEX', index, from, '-', 'LIMIT', 0, ARGV[2])) do
  local version = of_age(member)
  table.insert(found, version)
  table.insert(found, call('HEXISTS', kept, version))
  table.insert(found, call('HGET', manifests, version) or '')
end
return found`,
)

/** ARGV: version, most pins. */
export const pinVersion = registryScript(
  'pin version',
  `
if call('HEXISTS', kept, ARGV[1]) == 0 then
  return call('HEXISTS', manifests, ARGV[1]) == 1 and 'VERSION_REMOVED' or 'VERSION_UNKNOWN'
end
local isNew = call('SISMEMBER', pins, ARGV[1]) == 0
if isNew and call('SCARD', pins) >= tonumber(ARGV[2]) then return 'PINS_FULL' end
if call('SADD', pins, ARGV[1]) == 1 then
  changed()
  call('PUBLISH', channel, 'pinned')
end
return 'OK'`,
)

/** Returns the incarnation and the revision at which these are the pins. */
export const readPins = registryScript(
  'read pins',
  `
return {
  call('HGET', state, 'incarnation') or '', tonumber(call('HGET', state, 'revision') or '0'),
  call('SMEMBERS', pins),
}`,
)

export const unpinVersion = registryScript(
  'unpin version',
  `
if call('SREM', pins, ARGV[1]) == 1 then changed() end
return 'OK'`,
)

/** ARGV: version, digest. */
export const reportDamage = registryScript(
  'report damage',
  `
if call('HGET', kept, ARGV[1]) ~= ARGV[2] then return 'GONE' end
call('HSET', damaged, ARGV[1], ARGV[2])
call('PUBLISH', channel, 'damaged')
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
