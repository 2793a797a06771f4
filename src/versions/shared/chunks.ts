/**
 * The bytes of versions on their way to Redis and back, in pieces small enough that no other command waits long for one.
 * What comes out is checked by its sha256 before anybody sees it.
 */
import type { Manifest } from '../contract.ts'
import { failure } from '../../platform/errors.ts'
import type { Redis } from '../../platform/redis/redis.ts'
import { corrupt } from '../manifest.ts'
import { scriptKeys, type RegistryKeys } from './keys.ts'
import { putChunk } from './version-scripts.ts'
import { sha256 } from '../local/version-folder.ts'

const CHUNK_BYTES = 1024 * 1024
/** An upload that rests for so long was given up: its trainer died or lost its lease. */
const ORPHAN_MS = 10 * 60 * 1000

export type Files = ReadonlyMap<string, Uint8Array>

export interface ChunksOptions {
  readonly redis: Redis
  readonly keys: RegistryKeys
  /** Of all files of a version together. */
  readonly versionBytes: number
  readonly onBytes: (way: 'up' | 'down', bytes: number) => void
}

/** What `commitVersion` compares with what is there. */
export interface Uploaded {
  readonly sizes: string
  readonly lengths: readonly (string | number)[]
}

export class Chunks {
  readonly #options: ChunksOptions

  constructor(options: ChunksOptions) {
    this.#options = options
  }

  /** Before anything is sent: nothing of a version that is too large stays behind. */
  checkSize(version: string, files: Files): void {
    const bytes = [...files.values()].reduce((sum, file) => sum + file.byteLength, 0)
    const { versionBytes } = this.#options
    if (bytes > versionBytes) throw tooLarge(version, bytes, versionBytes)
  }

  async upload({ digest }: Manifest, files: Files): Promise<Uploaded> {
    const lengths: (string | number)[] = []
    for (const [file, bytes] of files) {
      for (const [chunk, piece] of pieces(file, bytes)) {
        await this.#put(digest, chunk, piece)
        lengths.push(chunk, piece.byteLength)
      }
    }
    const sizes = [...files].map(([file, { byteLength }]) => [file, byteLength])
    return { sizes: JSON.stringify(Object.fromEntries(sizes)), lengths }
  }

  /** Every byte as it was published, or VERSION_CORRUPT with the file's name. */
  async fetch(manifest: Manifest): Promise<Files> {
    const sizes = await this.#sizes(manifest)
    const files = new Map<string, Uint8Array>()
    for (const [file, hash] of Object.entries(manifest.files)) {
      const bytes = await this.#file(manifest, file, sizes[file] ?? 0)
      if (sha256(bytes) !== hash)
        throw corrupt(manifest.version, file, 'its sha256 in Redis is another')
      files.set(file, bytes)
    }
    return files
  }

  /** Of all files together. */
  async size(manifest: Manifest): Promise<number> {
    return Object.values(await this.#sizes(manifest)).reduce((sum, size) => sum + size, 0)
  }

  async #put(digest: string, chunk: string, piece: Buffer): Promise<void> {
    const { redis, keys, onBytes } = this.#options
    await redis.script(putChunk, scriptKeys(keys, digest), [chunk, piece, ORPHAN_MS])
    onBytes('up', piece.byteLength)
  }

  async #sizes({ version, digest }: Manifest): Promise<Readonly<Record<string, number>>> {
    const { redis, keys, versionBytes } = this.#options
    const text = await redis.command('HGET', keys.bytes(digest), 'whole')
    const sizes = sizesOf(text)
    if (sizes === undefined) throw corrupt(version, 'bytes', 'they are not in Redis')
    const bytes = Object.values(sizes).reduce((sum, size) => sum + size, 0)
    if (bytes > versionBytes) throw tooLarge(version, bytes, versionBytes)
    return sizes
  }

  async #file({ version, digest }: Manifest, file: string, size: number): Promise<Uint8Array> {
    const { redis, keys, onBytes } = this.#options
    const bytes = Buffer.alloc(size)
    for (let at = 0; at < size; at += CHUNK_BYTES) {
      const chunk = chunkName(file, at)
      const piece = await redis.bytes('HGET', keys.bytes(digest), chunk)
      const wanted = Math.min(CHUNK_BYTES, size - at)
      if (!Buffer.isBuffer(piece) || piece.byteLength !== wanted)
        throw corrupt(version, file, `${chunk} is missing or cut short in Redis`)
      piece.copy(bytes, at)
      onBytes('down', wanted)
    }
    return new Uint8Array(bytes.buffer, bytes.byteOffset, size)
  }
}

function* pieces(file: string, bytes: Uint8Array): Generator<readonly [string, Buffer]> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK_BYTES) {
    const length = Math.min(CHUNK_BYTES, bytes.byteLength - at)
    yield [chunkName(file, at), Buffer.from(bytes.buffer, bytes.byteOffset + at, length)]
  }
}

/** Files have plain names, so that none is taken for `whole`. */
function chunkName(file: string, at: number): string {
  return `chunk:${file}:${at / CHUNK_BYTES}`
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
