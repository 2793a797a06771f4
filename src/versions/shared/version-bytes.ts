/**
 * Transfers the bytes of versions to and from the fleet's blob store. Each file is a blob in the scope of its version's
 * digest. Redis stores the sizes, whichever store has the bytes, and so it knows which versions are complete.
 */
import { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { Redis } from '../../platform/redis/redis.ts'
import type { Blob, BlobStore } from '../blobs/blob-store.ts'
import { fromBytes, intoBytes, PIECE_BYTES } from '../blobs/pieces.ts'
import { chunkPrefix } from '../blobs/redis.ts'
import type { Manifest } from '../contract.ts'
import { corrupt } from '../manifest.ts'
import type { RegistryKeys } from './layout.ts'

export type Files = ReadonlyMap<string, Uint8Array>

export interface VersionBytesOptions {
  readonly redis: Redis
  readonly keys: RegistryKeys
  readonly blobs: BlobStore
  /** Whether `blobs` is the Redis of the registry: then its scripts look at the chunks too. */
  readonly isInRedis: boolean
  /** The most bytes of all files of a version together. */
  readonly versionBytes: number
}

/** `commitVersion` compares these with what arrived. */
export interface UploadedBytes {
  readonly sizes: string
  readonly lengths: readonly (string | number)[]
}

/** A scope without a version is kept for this long: its version may be about to appear. */
const ORPHAN_MS = 60 * 60 * 1000

export class VersionBytes {
  readonly #options: VersionBytesOptions

  constructor(options: VersionBytesOptions) {
    this.#options = options
  }

  get areInRedis(): boolean {
    return this.#options.isInRedis
  }

  /** Before anything is sent: a version that is too large leaves nothing behind. */
  checkSize(version: string, files: Files): void {
    const bytes = [...files.values()].reduce((sum, file) => sum + file.byteLength, 0)
    const { versionBytes } = this.#options
    if (bytes > versionBytes) throw tooLarge(version, bytes, versionBytes)
  }

  async upload(manifest: Manifest, files: Files, overwrite: boolean): Promise<UploadedBytes> {
    const { blobs, isInRedis } = this.#options
    const lengths: (string | number)[] = []
    for (const [file, bytes] of files) {
      await blobs.put(blobOf(manifest, file, bytes.byteLength), fromBytes(bytes), { overwrite })
      if (isInRedis) lengths.push(...chunksOf(file, bytes.byteLength))
    }
    const sizes = [...files].map(([file, { byteLength }]) => [file, byteLength])
    return { sizes: JSON.stringify(Object.fromEntries(sizes)), lengths }
  }

  /** Every byte as it was published, or VERSION_CORRUPT with the file's name. */
  async fetch(manifest: Manifest): Promise<Files> {
    const sizes = await this.#sizes(manifest)
    const files = new Map<string, Uint8Array>()
    for (const file of Object.keys(manifest.files)) {
      const blob = blobOf(manifest, file, sizes[file] ?? 0)
      try {
        files.set(file, await intoBytes(blob, this.#options.blobs.get(blob)))
      } catch (error) {
        throw asVersionFailure(error, manifest.version, file)
      }
    }
    return files
  }

  /** The bytes of all files together. */
  async size(manifest: Manifest): Promise<number> {
    return Object.values(await this.#sizes(manifest)).reduce((sum, size) => sum + size, 0)
  }

  async remove(digest: string): Promise<void> {
    await this.#options.blobs.remove(digest)
  }

  /** Removes old uploads that belong to no version, because their trainer died before showing them. */
  async sweep(kept: ReadonlySet<string>, nowMs: number): Promise<void> {
    const { blobs } = this.#options
    for await (const { scope, addedMs } of blobs.list())
      if (!kept.has(scope) && nowMs - addedMs > ORPHAN_MS) await blobs.remove(scope)
  }

  async #sizes({ version, digest }: Manifest): Promise<Readonly<Record<string, number>>> {
    const { redis, keys, versionBytes } = this.#options
    const text = await redis.command('HGET', keys.bytes(digest), 'whole')
    const sizes = sizesOf(text)
    if (sizes === undefined) throw corrupt(version, 'bytes', 'Redis does not know their sizes')
    const bytes = Object.values(sizes).reduce((sum, size) => sum + size, 0)
    if (bytes > versionBytes) throw tooLarge(version, bytes, versionBytes)
    return sizes
  }
}

function blobOf({ digest, files }: Manifest, file: string, bytes: number): Blob {
  return { scope: digest, name: file, sha256: files[file] ?? '', bytes }
}

function* chunksOf(file: string, bytes: number): Generator<string | number> {
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    yield `${chunkPrefix(file)}${at / PIECE_BYTES}`
    yield Math.min(PIECE_BYTES, bytes - at)
  }
}

function asVersionFailure(error: unknown, version: string, file: string): unknown {
  if (!(error instanceof CodedError)) return error
  if (error.code !== 'BLOB_MISSING' && error.code !== 'BLOB_CORRUPT') return error
  return corrupt(version, file, error.message)
}

function sizesOf(text: unknown): Readonly<Record<string, number>> | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return undefined
    const sizes = Object.entries(value)
    const isSize = (size: unknown) => Number.isSafeInteger(size) && Number(size) >= 0
    return sizes.every(([, size]) => isSize(size)) ? Object.fromEntries(sizes) : undefined
  } catch {
    return undefined
  }
}

function tooLarge(version: string, bytes: number, limit: number) {
  return failure('VERSION_TOO_LARGE', `${version} has ${bytes} bytes; at most ${limit} may be`, {
    details: { version, bytes, limit },
  })
}
