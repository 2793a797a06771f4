/**
 * Blobs in Redis: a hash for each scope, in chunks small enough that no other command waits long for one. A blob shows when
 * its last chunk is there, so that a flush or a failover in between leaves nothing or the whole blob.
 */
import type { Clock } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Redis, RedisReply, RedisScript } from '../../platform/redis/redis.ts'
import { redisScript } from '../../platform/redis/script.ts'
import type { Blob, BlobStore, Content, PutOptions, StoredScope } from './blob-store.ts'
import { guarded, missing, PIECE_BYTES, refilled, verified } from './pieces.ts'

export interface RedisBlobsOptions {
  readonly redis: Redis
  readonly clock: Clock
  /** The hash of a scope. It shares a hash tag with `index`, so that a script may touch both, also in a Cluster. */
  readonly keyOf: (scope: string) => string
  /** A hash: scope → when its newest blob was put. */
  readonly index: string
  /** In front of the number of a chunk in the hash of its scope; `chunk:<name>:` when absent. */
  readonly prefixOf?: (name: string) => string
  /**
   * Blobs go by themselves after `restingMs` unless a script persists the key of their scope, in the transaction that
   * refers to them. Absent: a whole blob stays.
   */
  readonly claimed?: true
  /** An upload stalled for this long was abandoned: its trainer died or lost its lease. */
  readonly restingMs?: number
}

const RESTING_MS = 10 * 60 * 1000

export function openRedisBlobs(options: RedisBlobsOptions): BlobStore {
  return new RedisBlobs(options)
}

/** The field with the digest of a complete blob. */
export function markField(name: string): string {
  return `blob:${name}`
}

export function chunkPrefix(name: string): string {
  return `chunk:${name}:`
}

class RedisBlobs implements BlobStore {
  readonly place = 'redis'
  readonly #options: RedisBlobsOptions

  constructor(options: RedisBlobsOptions) {
    this.#options = options
  }

  async put(
    blob: Blob,
    content: Content,
    { overwrite, beforePiece }: PutOptions = {},
  ): Promise<void> {
    if (overwrite !== true && (await this.has(blob))) return
    const { scope, name, sha256, bytes } = blob
    const { clock, claimed, restingMs = RESTING_MS, prefixOf = chunkPrefix } = this.#options
    let index = 0
    const pieces = verified(blob, guarded(content(), beforePiece))
    for await (const piece of refilled(pieces, PIECE_BYTES)) {
      const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
      await this.#script(putPiece, scope, [`${prefixOf(name)}${index}`, chunk, scope, restingMs])
      index += 1
    }
    const ttl = claimed === true ? restingMs : ''
    const mark = [markField(name), `${sha256} ${bytes}`]
    const about = [...mark, prefixOf(name), bytes, PIECE_BYTES, scope, clock.nowMs(), ttl]
    if ((await this.#script(showBlob, scope, about)) !== 'INCOMPLETE') return
    throw failure('REDIS_UNAVAILABLE', `Redis lost pieces of ${scope}/${name} on the way`, {
      details: { lost: name },
    })
  }

  get(blob: Blob): AsyncIterable<Uint8Array> {
    return verified(blob, this.#chunks(blob))
  }

  async has({ scope, name, sha256, bytes }: Blob): Promise<boolean> {
    const { redis, keyOf } = this.#options
    return (await redis.command('HGET', keyOf(scope), markField(name))) === `${sha256} ${bytes}`
  }

  async *list(): AsyncGenerator<StoredScope> {
    const { redis, index } = this.#options
    const times = await redis.command('HGETALL', index)
    const cells = Array.isArray(times) ? times.map(String) : []
    for (let at = 0; at + 1 < cells.length; at += 2) {
      const [scope = '', addedMs] = cells.slice(at, at + 2)
      const bytes = Number(await this.#script(sizeOfScope, scope, [scope]))
      if (bytes >= 0) yield { scope, bytes, addedMs: Number(addedMs) }
    }
  }

  async remove(scope: string): Promise<void> {
    await this.#script(removeScope, scope, [scope])
  }

  async *#chunks(blob: Blob): AsyncGenerator<Uint8Array> {
    const { redis, keyOf, prefixOf = chunkPrefix } = this.#options
    if (blob.bytes === 0 && !(await this.has(blob))) throw missing(blob)
    for (let at = 0; at < blob.bytes; at += PIECE_BYTES) {
      const field = `${prefixOf(blob.name)}${at / PIECE_BYTES}`
      const piece = await redis.bytes('HGET', keyOf(blob.scope), field)
      const wanted = Math.min(PIECE_BYTES, blob.bytes - at)
      if (!Buffer.isBuffer(piece) || piece.byteLength !== wanted)
        throw missing(blob, `${field} is missing or cut short in Redis`)
      yield piece
    }
  }

  #script(
    script: RedisScript,
    scope: string,
    args: readonly (string | number | Buffer)[],
  ): Promise<RedisReply> {
    const { redis, keyOf, index } = this.#options
    return redis.script(script, [keyOf(scope), index], args)
  }
}

/**
 * The Lua of blobs in Redis. KEYS: the hash of the scope, the index of scopes.
 *
 * A chunk in transit. A scope that no script has persisted expires if its upload stalls. ARGV: field, bytes, scope,
 * time to live in milliseconds.
 */
const putPiece = redisScript(
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
const showBlob = redisScript(
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
const sizeOfScope = redisScript(
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
const removeScope = redisScript(
  'blob remove',
  `
redis.call('UNLINK', KEYS[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 'OK'`,
)
