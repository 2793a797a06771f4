/**
 * Blobs in Redis: a hash for each scope, in chunks small enough that no other command waits long for one. A blob shows when
 * its last chunk is there, so that a flush or a failover in between leaves nothing or the whole blob.
 */
import type { Clock } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Redis, RedisReply, RedisScript } from '../../platform/redis/redis.ts'
import type { Blob, BlobStore, Content, PutOptions, StoredScope } from './blob-store.ts'
import { guarded, missing, PIECE_BYTES, refilled, verified } from './pieces.ts'
import { putPiece, removeScope, showBlob, sizeOfScope } from './redis-scripts.ts'

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
