/** How the registry of one model lies in Redis: its keys, its rows, and the beginning of every script. */
import type { Redis, RedisScript, RedisReply } from '../../platform/redis/redis.ts'
import { redisScript } from '../../platform/redis/script.ts'
import { CodedError } from '../../contracts/core.ts'
import type { Manifest } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import { manifestBytes, readManifest } from '../manifest.ts'

/** All share the model's hash tag, so that a script may touch them all, also in a Cluster. */
export interface RegistryKeys {
  /** Hash: `pointer` (a move as JSON), its `generation`, `revision` (rises with every change), `incarnation`. */
  readonly state: string
  /** Hash: generation → the move that led there. */
  readonly moves: string
  /** Hash: version → digest, a blank, and the manifest; also of versions without bytes. */
  readonly manifests: string
  /** Hash: version → digest, of versions with complete bytes here. */
  readonly kept: string
  /** Sorted set of version names by age. */
  readonly index: string
  readonly pins: string
  /** Hash: version → digest, of versions found altered: a daemon that has them on disk restores them. */
  readonly damaged: string
  /** The highest epoch that a lease was granted under. */
  readonly epoch: string
  /** Wakes pollers. */
  readonly channel: string
  /** Hash: digest → when its bytes were put: the index of `bytes`. */
  readonly blobs: string
  /** Hash: chunk → bytes, where they lie in Redis; and `whole`, the sizes, once all of them are there. The name is the content, so that uploads cannot mix. */
  bytes(digest: string): string
}

export function registryKeys(redis: Redis, model: string): RegistryKeys {
  const at = (...parts: readonly string[]) => redis.key(model, 'registry', ...parts)
  return {
    state: at('state'),
    moves: at('moves'),
    manifests: at('manifests'),
    kept: at('kept'),
    index: at('index'),
    pins: at('pins'),
    damaged: at('damaged'),
    epoch: redis.key(model, 'epoch'),
    channel: at('wake'),
    blobs: at('blobs'),
    bytes: (digest) => at('bytes', digest),
  }
}

/** In the order in which every script of the registry takes them; more may follow. */
export function scriptKeys(keys: RegistryKeys, ...digests: readonly string[]): readonly string[] {
  const { state, moves, manifests, kept, index, pins, damaged, epoch, channel, blobs } = keys
  const fixed = [state, moves, manifests, kept, index, pins, damaged, epoch, channel, blobs]
  return [...fixed, ...digests.map((digest) => keys.bytes(digest))]
}

/**
 * The shared beginning of the registry's Lua scripts. Each script is atomic, and takes the keys in the order of
 * `scriptKeys`.
 */
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

/**
 * Rows of versions in Redis, and the errors for invalid ones.
 *
 * Under which right something is written: the epoch of a trainer's lease, or '' for a person.
 */
export type Epoch = string

/** A row of `manifests`, checked against its own digest and other known facts. */
export function manifestOf(row: string, version: string, digest?: string): Manifest {
  const manifest = readManifest(new TextEncoder().encode(row.slice(65)), version)
  const wanted = digest ?? row.slice(0, 64)
  if (manifest.digest === wanted) return manifest
  throw failure('VERSION_CORRUPT', `${version}: its manifest in Redis is of another content`, {
    details: { version, found: manifest.digest, wanted },
  })
}

/** As stored in `manifests`. */
export function rowOf(manifest: Manifest): string {
  return `${manifest.digest} ${new TextDecoder().decode(manifestBytes(manifest))}`
}

export function leaseLost(epoch: Epoch): CodedError {
  return failure('LEASE_LOST', `a trainer of a later lease than ${epoch} has written`, {
    details: { epoch: Number(epoch) },
  })
}

export function absent(code: 'VERSION_REMOVED' | 'VERSION_UNKNOWN', version: string): CodedError {
  const text =
    code === 'VERSION_REMOVED'
      ? `the bytes of ${version} were removed`
      : `there is no version ${version.slice(0, 64)}`
  return failure(code, text, { details: { version } })
}

export function taken({ version, digest }: Manifest): CodedError {
  return failure('VERSION_EXISTS', `${version} exists with another content`, {
    details: { version, offered: digest },
  })
}

export function cellsOf(reply: RedisReply): readonly RedisReply[] {
  return Array.isArray(reply) ? (reply as readonly RedisReply[]) : []
}

/** A hash as older and newer protocols answer it: a flat list. */
export function pairsOf(reply: RedisReply): ReadonlyMap<string, string> {
  const cells = cellsOf(reply)
  const found = new Map<string, string>()
  for (let at = 0; at + 1 < cells.length; at += 2)
    found.set(String(cells[at]), String(cells[at + 1]))
  return found
}

/**
 * Which of the fleet's services failed: Redis, or the store of bytes when it is another one.
 */
export function isRedisFailure(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith('REDIS_')
}

export function isBlobFailure(error: unknown): boolean {
  return error instanceof CodedError && error.code.startsWith('BLOBS_')
}
