/**
 * Zstandard through fzstd, which decodes block by block, so that it can be stopped at the limit. It trusts the window
 * size that a frame claims, up to 2 GB, and would allocate it, so the size is checked here first.
 */
import { Decompress } from 'fzstd'
import { TooLarge, type InflatedBytes } from './inflated.ts'

const MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50

export function inflateZstd(bytes: Buffer, into: InflatedBytes): void {
  for (let at = 0; at < bytes.length;) {
    const end = frameEnd(bytes, at, into.limitBytes)
    if (bytes.readUInt32LE(at) === MAGIC) frame(bytes.subarray(at, end), into)
    at = end
  }
}

function frame(bytes: Buffer, into: InflatedBytes): void {
  const decoder = new Decompress((block) => {
    into.append(block)
  })
  decoder.push(bytes, true)
}

/** Where the frame at `start` ends. Throws if it claims more memory than the output limit. */
function frameEnd(bytes: Buffer, start: number, limitBytes: number): number {
  const magic = bytes.readUInt32LE(start)
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) return start + 8 + bytes.readUInt32LE(start + 4)
  if (magic !== MAGIC) throw new Error('not a zstd frame')
  const { windowBytes, headerBytes, hasChecksum } = frameHeader(bytes, start + 4)
  if (windowBytes > Math.max(limitBytes, LEAST_WINDOW_BYTES)) throw new TooLarge(limitBytes)
  let at = start + 4 + headerBytes
  for (let isLast = false; !isLast;) {
    const block = bytes.readUIntLE(at, 3)
    isLast = (block & 1) === 1
    const isRun = ((block >> 1) & 3) === 1
    at += 3 + (isRun ? 1 : block >> 3)
  }
  const end = at + (hasChecksum ? 4 : 0)
  if (end > bytes.length) throw new Error('a zstd frame is truncated')
  return end
}

/** A decoder must support at least this window (RFC 8878, 3.1.1.1.2), however small the output. */
const LEAST_WINDOW_BYTES = 8 * 1024 * 1024

function frameHeader(bytes: Buffer, at: number) {
  const flags = bytes.readUInt8(at)
  const isSingleSegment = (flags & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][flags & 3] ?? 0
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >> 6] ?? 0
  const sizeAt = at + 1 + (isSingleSegment ? 0 : 1) + dictionaryBytes
  const windowBytes = isSingleSegment
    ? contentSize(bytes, sizeAt, sizeBytes)
    : windowSize(bytes.readUInt8(at + 1))
  return {
    windowBytes,
    headerBytes: sizeAt + sizeBytes - at,
    hasChecksum: (flags & 4) !== 0,
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

function contentSize(bytes: Buffer, at: number, count: number): number {
  if (count === 8) return Number(bytes.readBigUInt64LE(at))
  return bytes.readUIntLE(at, count) + (count === 2 ? 256 : 0)
}
