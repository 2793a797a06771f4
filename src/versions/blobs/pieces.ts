/** Bytes in bounded pieces: out of memory or a file, and back, checked by size and sha256 on the way. */
import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { CodedError } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { forget, renameSynced, temporaryPath } from '../../platform/store/atomic-file.ts'
import { diskFailure } from '../../platform/store/disk-failure.ts'
import type { Blob, Content, PutOptions } from './blob-store.ts'

export const PIECE_BYTES = 1024 * 1024

export function fromBytes(bytes: Uint8Array): Content {
  return async function* pieces() {
    for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES)
      yield bytes.subarray(at, at + PIECE_BYTES)
  }
}

/** The content of a file that does not change. Each piece is overwritten by the next. */
export function fromFile(path: string): Content {
  return async function* pieces() {
    const file = await opened(path)
    try {
      const buffer = Buffer.allocUnsafe(PIECE_BYTES)
      for (let at = 0; ;) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
        if (bytesRead === 0) return
        yield buffer.subarray(0, bytesRead)
        at += bytesRead
      }
    } catch (error) {
      throw diskFailure(error, path, 'cannot read')
    } finally {
      await file.close()
    }
  }
}

/** The size and sha256 of a content, by which it is named. */
export async function measured(content: Content): Promise<Pick<Blob, 'sha256' | 'bytes'>> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of content()) {
    hash.update(piece)
    bytes += piece.byteLength
  }
  return { sha256: hash.digest('hex'), bytes }
}

/** Passes the pieces on, and throws `BLOB_CORRUPT` when they are not what `blob` says: at the end, or as soon as there are too many. */
export async function* verified(
  blob: Blob,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of pieces) {
    bytes += piece.byteLength
    if (bytes > blob.bytes) throw corrupt(blob, `it has more than ${blob.bytes} bytes`)
    hash.update(piece)
    yield piece
  }
  if (bytes < blob.bytes) throw corrupt(blob, `it has ${bytes} bytes instead of ${blob.bytes}`)
  if (hash.digest('hex') !== blob.sha256) throw corrupt(blob, 'its sha256 is another')
}

/** Runs `beforePiece` before each piece is passed on. */
export async function* guarded(
  pieces: AsyncIterable<Uint8Array>,
  beforePiece: PutOptions['beforePiece'] = () => undefined,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    await beforePiece()
    yield piece
  }
}

/** The same bytes in pieces of exactly `size`, but for the last one. Each piece is overwritten by the next. */
export async function* refilled(
  pieces: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let buffer: Uint8Array | undefined
  let filled = 0
  for await (const piece of pieces) {
    if (filled === 0 && piece.byteLength === size) {
      yield piece
      continue
    }
    buffer ??= new Uint8Array(size)
    for (let at = 0; at < piece.byteLength;) {
      const part = piece.subarray(at, at + size - filled)
      buffer.set(part, filled)
      at += part.byteLength
      filled += part.byteLength
      if (filled < size) continue
      yield buffer
      filled = 0
    }
  }
  if (buffer !== undefined && filled > 0) yield buffer.subarray(0, filled)
}

export async function intoBytes(blob: Blob, pieces: AsyncIterable<Uint8Array>) {
  const bytes = new Uint8Array(blob.bytes)
  let at = 0
  for await (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.byteLength
  }
  return bytes
}

/** The file is there whole and on disk, or as it was before. */
export async function intoFile(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = temporaryPath(path)
  try {
    await written(temporary, pieces)
    renameSynced(temporary, path)
  } catch (error) {
    throw diskFailure(error, path, 'cannot write')
  } finally {
    await forget(temporary)
  }
}

export function corrupt(blob: Blob, why: string): CodedError {
  const { scope, name } = blob
  return failure('BLOB_CORRUPT', `${scope}/${name}: ${why}`, { details: { scope, name, why } })
}

export function missing(blob: Blob, what = 'it is not there'): CodedError {
  const { scope, name } = blob
  return failure('BLOB_MISSING', `${scope}/${name}: ${what}`, { details: { scope, name } })
}

/** A new file, synced. */
export async function written(path: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for await (const piece of pieces) await file.writeFile(piece)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    throw diskFailure(error, path, 'cannot read')
  }
}
