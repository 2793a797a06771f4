/**
 * Copies of checkpoints in Redis, in chunks, so that memory holds one chunk however big a checkpoint is. What is uploaded
 * must not change meanwhile: give a snapshot of the database, not the database.
 */
import { createHash, randomBytes } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { CheckpointCopies, CopyHead, Lease } from './contract.ts'
import { forget, renameSynced, temporaryPath } from '../platform/store/atomic-file.ts'
import { diskFailure } from '../platform/store/disk-failure.ts'
import { failure } from '../platform/errors.ts'
import type { Redis, RedisArgument, RedisScript } from '../platform/redis/redis.ts'
import { BEGIN, CHUNK, COMMIT } from './copy-scripts.ts'

export interface RedisCopiesOptions {
  /** With a `commandMs` in which a chunk gets through; not the connection of the leases, whose renewals would wait behind it. */
  readonly redis: Redis
  /** A bigger checkpoint is refused (`COPY_TOO_LARGE`), never cut. */
  readonly maxBytes: number
}

export interface CopyStats {
  readonly puts: number
  readonly bytes: number
  readonly refused: number
}

const CHUNK_BYTES = 1024 * 1024
/** An upload that stands still for so long is one that nobody will finish. */
const UPLOAD_MS = 60_000

export function openRedisCopies(
  options: RedisCopiesOptions,
): CheckpointCopies & { stats(): CopyStats } {
  return new RedisCopies(options)
}

interface FullHead extends CopyHead {
  readonly id: string
  readonly chunks: number
}

class RedisCopies implements CheckpointCopies {
  readonly #redis: Redis
  readonly #maxBytes: number
  #stats: CopyStats = { puts: 0, bytes: 0, refused: 0 }

  constructor({ redis, maxBytes }: RedisCopiesOptions) {
    this.#redis = redis
    this.#maxBytes = maxBytes
  }

  stats(): CopyStats {
    return this.#stats
  }

  async head(model: string): Promise<CopyHead | undefined> {
    const head = await this.#head(model)
    if (head === undefined) return undefined
    const { epoch, sequence, bytes, sha256 } = head
    return { epoch, sequence, bytes, sha256 }
  }

  async put(lease: Lease, path: string, sequence: number): Promise<CopyHead> {
    lease.check()
    const file = await opened(path)
    try {
      const { size } = await file.stat()
      if (size > this.#maxBytes) throw this.#tooLarge(lease.model, size)
      const upload = new Upload(this.#redis, lease, sequence)
      const isThere = (await upload.begin()) === 'THERE'
      if (!isThere) await this.#send(upload, file, size)
      const head = await this.head(lease.model)
      if (head !== undefined) return head
      throw failure('REDIS_UNAVAILABLE', `the copy of ${lease.model} was forgotten at once`)
    } finally {
      await file.close()
    }
  }

  async #send(upload: Upload, file: FileHandle, size: number): Promise<void> {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(size, 1)))
    for (let at = 0; at < size;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) throw failure('STORE_FAILED', 'a checkpoint got shorter while copied')
      const chunk = buffer.subarray(0, bytesRead)
      hash.update(chunk)
      await upload.chunk(chunk)
      at += bytesRead
    }
    await upload.commit(size, hash.digest('hex'))
    const { puts, bytes } = this.#stats
    this.#stats = { ...this.#stats, puts: puts + 1, bytes: bytes + size }
  }

  async get(model: string, head: CopyHead, path: string): Promise<void> {
    const known = await this.#head(model)
    if (known === undefined || !isSame(known, head)) throw replaced(model)
    const temporary = temporaryPath(path)
    try {
      await this.#receive(model, known, temporary)
      renameSynced(temporary, path)
    } catch (error) {
      throw diskFailure(error, path, 'cannot write')
    } finally {
      await forget(temporary)
    }
  }

  async #receive(model: string, head: FullHead, path: string): Promise<void> {
    const hash = createHash('sha256')
    let size = 0
    const file = await open(path, 'wx')
    try {
      for (let number = 0; number < head.chunks; number += 1) {
        const chunk = await this.#chunk(model, head, number)
        hash.update(chunk)
        size += chunk.length
        await file.writeFile(chunk)
      }
      await file.sync()
    } finally {
      await file.close()
    }
    if (size !== head.bytes || hash.digest('hex') !== head.sha256) throw altered(model)
  }

  async #chunk(model: string, { id, ...head }: FullHead, number: number): Promise<Buffer> {
    const chunk = await this.#redis.bytes('HGET', chunksKey(this.#redis, model, id), number)
    if (Buffer.isBuffer(chunk)) return chunk
    const now = await this.#head(model)
    throw now !== undefined && isSame(now, head) ? altered(model) : replaced(model)
  }

  async #head(model: string): Promise<FullHead | undefined> {
    const fields = ['epoch', 'sequence', 'bytes', 'sha256', 'id', 'chunks']
    const reply = await this.#redis.command('HMGET', headKey(this.#redis, model), ...fields)
    const values = typeof reply === 'object' && reply !== null ? reply : []
    if (values.length === 0 || values.includes(null)) return undefined
    const [epoch, sequence, bytes, sha256, id, chunks] = values
    return {
      epoch: Number(epoch),
      sequence: Number(sequence),
      bytes: Number(bytes),
      sha256: String(sha256),
      id: String(id),
      chunks: Number(chunks),
    }
  }

  #tooLarge(model: string, size: number): Error {
    this.#stats = { ...this.#stats, refused: this.#stats.refused + 1 }
    const message = `the checkpoint of ${model} has ${size} bytes, more than fleet.copy_bytes = ${this.#maxBytes}`
    return failure('COPY_TOO_LARGE', message, { details: { model, bytes: size } })
  }
}

/** One copy on its way. Each step is refused when the lease is in doubt, here or there. */
class Upload {
  readonly #redis: Redis
  readonly #lease: Lease
  readonly #sequence: number
  readonly #id = randomBytes(8).toString('hex')
  #chunks = 0

  constructor(redis: Redis, lease: Lease, sequence: number) {
    this.#redis = redis
    this.#lease = lease
    this.#sequence = sequence
  }

  begin(): Promise<string> {
    return this.#ask(BEGIN, [])
  }

  async chunk(bytes: Buffer): Promise<void> {
    await this.#ask(CHUNK, [this.#chunks, bytes, UPLOAD_MS])
    this.#chunks += 1
  }

  async commit(size: number, sha256: string): Promise<void> {
    const prefix = chunksKey(this.#redis, this.#lease.model, '')
    const answer = await this.#ask(COMMIT, [this.#chunks, this.#id, size, sha256, prefix])
    // Redis was emptied on the way.
    if (answer === 'INCOMPLETE')
      throw failure('REDIS_UNAVAILABLE', `a copy of ${this.#lease.model} lost its beginning`)
  }

  async #ask(script: RedisScript, rest: readonly RedisArgument[]): Promise<string> {
    this.#lease.check()
    const { model, epoch } = this.#lease
    const redis = this.#redis
    const keys = [
      redis.key(model, 'epoch'),
      headKey(redis, model),
      chunksKey(redis, model, this.#id),
    ]
    const answer = String(await redis.script(script, keys, [epoch, this.#sequence, ...rest]))
    if (answer !== 'LEASE_LOST') return answer
    throw failure('LEASE_LOST', `a later trainer of ${model} than epoch ${epoch} has written`, {
      details: { model, epoch },
    })
  }
}

function headKey(redis: Redis, model: string): string {
  return redis.key(model, 'copy')
}

function chunksKey(redis: Redis, model: string, id: string): string {
  return redis.key(model, 'copy', id)
}

function isSame(one: CopyHead, other: CopyHead): boolean {
  const { epoch, sequence, sha256 } = one
  return epoch === other.epoch && sequence === other.sequence && sha256 === other.sha256
}

function altered(model: string): Error {
  return failure('STORE_CORRUPT', `the copied checkpoint of ${model} was altered`, {
    details: { model },
  })
}

function replaced(model: string): Error {
  const message = `the copied checkpoint of ${model} was replaced meanwhile; ask which there is now`
  return failure('REDIS_UNAVAILABLE', message, { details: { model } })
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    throw diskFailure(error, path, 'cannot read')
  }
}
