/**
 * Copies of checkpoints: the bytes in a blob store, and in Redis the head that names the newest copy, which only the
 * holder of the lease moves. The source must not change during the copy: pass a snapshot of the database, not the
 * database.
 */
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { CodedError, type Clock, type Logger } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import type { Redis, RedisArgument, RedisScript } from '../platform/redis/redis.ts'
import { diskFailure } from '../platform/store/disk-failure.ts'
import { type Blob, type BlobStore, openAfter } from '../versions/blobs/blob-store.ts'
import { fromFile, intoFile, measured, PIECE_BYTES } from '../versions/blobs/pieces.ts'
import { markField, openRedisBlobs } from '../versions/blobs/redis.ts'
import type { CheckpointCopies, CopyHead, Lease } from './contract.ts'
import { BEGIN, COMMIT } from './copy-scripts.ts'

export interface CheckpointCopiesOptions {
  /**
   * With a `commandMs` long enough for a chunk; not the connection of the leases: their renewals would wait behind it.
   */
  readonly redis: Redis
  readonly clock: Clock
  readonly log: Logger
  /** A bigger checkpoint is refused (`COPY_TOO_LARGE`), never cut. */
  readonly maxBytes: number
  /** Where the bytes of a model's copies are stored; absent = in Redis itself. */
  readonly blobsOf?: ((model: string) => BlobStore) | undefined
}

export function openCheckpointCopies(options: CheckpointCopiesOptions): CheckpointCopies {
  return new SharedCopies(options)
}

interface FullHead extends CopyHead {
  readonly id: string
}

const FILE = 'state.db'
/** In Redis, where memory is expensive, a stalled upload is dropped soon. */
const RESTING_MS = 60_000
/** A copy that no head names was abandoned if it is older than this. */
const ORPHAN_MS = 60 * 60 * 1000

class SharedCopies implements CheckpointCopies {
  readonly #options: CheckpointCopiesOptions
  readonly #sweptMs = new Map<string, number>()

  constructor(options: CheckpointCopiesOptions) {
    this.#options = options
  }

  async head(model: string): Promise<CopyHead | undefined> {
    const head = await this.#head(model)
    if (head === undefined) return undefined
    const { epoch, sequence, bytes, sha256 } = head
    return { epoch, sequence, bytes, sha256 }
  }

  async put(lease: Lease, path: string, sequence: number): Promise<CopyHead> {
    lease.check()
    const { redis, maxBytes } = this.#options
    const size = await sizeOf(path)
    if (size > maxBytes) throw tooLarge(lease.model, size, maxBytes)
    const upload = new Upload(redis, lease, sequence)
    if ((await upload.begin()) !== 'THERE') await this.#send(upload, path)
    const head = await this.head(lease.model)
    if (head !== undefined) return head
    throw failure('REDIS_UNAVAILABLE', `the copy of ${lease.model} was forgotten at once`)
  }

  async get(model: string, head: CopyHead, path: string): Promise<void> {
    const known = await this.#head(model)
    if (known === undefined || !isSame(known, head)) throw replaced(model)
    try {
      await intoFile(path, this.#blobs(model).get(blobOf(known.id, known)))
    } catch (error) {
      if (codeOf(error) === 'BLOB_CORRUPT') throw altered(model, error)
      if (codeOf(error) !== 'BLOB_MISSING') throw error
      const now = await this.#head(model)
      throw now !== undefined && isSame(now, head) ? altered(model, error) : replaced(model)
    }
  }

  async #send(upload: Upload, path: string): Promise<void> {
    const { model, id } = upload
    const blobs = this.#blobs(model)
    const before = await this.#head(model)
    const content = fromFile(path)
    const blob = blobOf(id, await measured(content))
    try {
      const beforePiece = async () => {
        await upload.begin()
      }
      await blobs.put(blob, content, { beforePiece })
      const isTaken = await upload.commit(blob, this.#options.blobsOf === undefined)
      if (!isTaken) await blobs.remove(id)
    } catch (error) {
      // Another daemon trains the model now, so this copy stays unfinished.
      if (codeOf(error) === 'LEASE_LOST') await blobs.remove(id)
      throw error
    }
    await this.#clear(model, id, before?.id)
  }

  /** The copy is complete: leftovers are removed now or later. */
  async #clear(model: string, id: string, before: string | undefined): Promise<void> {
    const { clock, log } = this.#options
    const blobs = this.#blobs(model)
    try {
      if (before !== undefined && before !== id) await blobs.remove(before)
      const nowMs = clock.monotonicMs()
      if (nowMs - (this.#sweptMs.get(model) ?? -Infinity) < ORPHAN_MS) return
      this.#sweptMs.set(model, nowMs)
      for await (const { scope, addedMs } of blobs.list())
        if (scope !== id && clock.nowMs() - addedMs > ORPHAN_MS) await blobs.remove(scope)
    } catch (err) {
      log.debug({ model, err }, 'an earlier copy is left for later')
    }
  }

  /** Redis uses two names for the data it stores itself, so that a daemon of an earlier release reads it too. */
  #blobs(model: string): BlobStore {
    const { redis, clock, blobsOf } = this.#options
    const inRedis = openRedisBlobs({
      redis,
      clock,
      keyOf: (id) => chunksKey(redis, model, id),
      prefixOf: () => '',
      index: indexKey(redis, model),
      claimed: true,
      restingMs: RESTING_MS,
    })
    return blobsOf === undefined ? inRedis : openAfter(inRedis, blobsOf(model))
  }

  async #head(model: string): Promise<FullHead | undefined> {
    const fields = ['epoch', 'sequence', 'bytes', 'sha256', 'id']
    const reply = await this.#options.redis.command(
      'HMGET',
      headKey(this.#options.redis, model),
      ...fields,
    )
    const values = typeof reply === 'object' && reply !== null ? reply : []
    if (values.length === 0 || values.includes(null)) return undefined
    const [epoch, sequence, bytes, sha256, id] = values
    return {
      epoch: Number(epoch),
      sequence: Number(sequence),
      bytes: Number(bytes),
      sha256: String(sha256),
      id: String(id),
    }
  }
}

/** One copy on its way. Each step is refused when the lease is in doubt, here or there. */
class Upload {
  readonly id = randomBytes(8).toString('hex')
  readonly #redis: Redis
  readonly #lease: Lease
  readonly #sequence: number

  constructor(redis: Redis, lease: Lease, sequence: number) {
    this.#redis = redis
    this.#lease = lease
    this.#sequence = sequence
  }

  get model(): string {
    return this.#lease.model
  }

  begin(): Promise<string> {
    return this.#ask(BEGIN, [])
  }

  /** False when a later copy is there already. */
  async commit({ bytes, sha256 }: Blob, isInRedis: boolean): Promise<boolean> {
    const prefix = chunksKey(this.#redis, this.model, '')
    const chunks = Math.ceil(bytes / PIECE_BYTES)
    const mark = isInRedis ? markField(FILE) : ''
    const answer = await this.#ask(COMMIT, [chunks, this.id, bytes, sha256, prefix, mark])
    // Redis was emptied on the way.
    if (answer === 'INCOMPLETE')
      throw failure('REDIS_UNAVAILABLE', `a copy of ${this.model} lost its beginning`)
    return answer !== 'THERE'
  }

  async #ask(script: RedisScript, rest: readonly RedisArgument[]): Promise<string> {
    this.#lease.check()
    const { model, epoch } = this.#lease
    const redis = this.#redis
    const keys = [
      redis.key(model, 'epoch'),
      headKey(redis, model),
      chunksKey(redis, model, this.id),
      indexKey(redis, model),
    ]
    const answer = String(await redis.script(script, keys, [epoch, this.#sequence, ...rest]))
    if (answer !== 'LEASE_LOST') return answer
    throw failure('LEASE_LOST', `a later trainer of ${model} than epoch ${epoch} has written`, {
      details: { model, epoch },
    })
  }
}

function blobOf(id: string, { sha256, bytes }: Pick<Blob, 'sha256' | 'bytes'>): Blob {
  return { scope: id, name: FILE, sha256, bytes }
}

function headKey(redis: Redis, model: string): string {
  return redis.key(model, 'copy')
}

function chunksKey(redis: Redis, model: string, id: string): string {
  return redis.key(model, 'copy', id)
}

function indexKey(redis: Redis, model: string): string {
  return redis.key(model, 'copies')
}

function isSame(one: CopyHead, other: CopyHead): boolean {
  const { epoch, sequence, sha256 } = one
  return epoch === other.epoch && sequence === other.sequence && sha256 === other.sha256
}

function codeOf(error: unknown): string | undefined {
  return error instanceof CodedError ? error.code : undefined
}

function altered(model: string, cause: unknown): Error {
  const details = { model }
  return failure('STORE_CORRUPT', `the copied checkpoint of ${model} was altered`, {
    details,
    cause,
  })
}

function replaced(model: string): Error {
  const message = `the copied checkpoint of ${model} was replaced meanwhile; look up the present one`
  return failure('REDIS_UNAVAILABLE', message, { details: { model } })
}

function tooLarge(model: string, bytes: number, limit: number): Error {
  const message = `the checkpoint of ${model} has ${bytes} bytes, more than fleet.copy_bytes = ${limit}`
  return failure('COPY_TOO_LARGE', message, { details: { model, bytes } })
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    throw diskFailure(error, path, 'cannot read')
  }
}
