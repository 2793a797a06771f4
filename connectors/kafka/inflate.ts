/**
 * Decompresses a batch under a limit: anyone who may write to the topic controls its content, and one megabyte in any
 * of these codecs can hold hundreds.
 */
import { gunzipSync } from 'node:zlib'
import { Decompress } from 'fzstd'
import { InflatedBytes, TooLarge } from './inflated.ts'

/** By the number in the attributes of a batch. */
const codecs = {
  1: { name: 'gzip', inflate: inflateGzip },
  2: { name: 'snappy', inflate: inflateSnappy },
  3: { name: 'lz4', inflate: inflateLz4 },
  4: { name: 'zstd', inflate: inflateZstd },
} as const satisfies Readonly<
  Record<number, { name: string; inflate: (bytes: Buffer, into: InflatedBytes) => void }>
>

export function codecName(codec: number): string {
  return codec in codecs ? codecs[codec as keyof typeof codecs].name : `codec ${codec}`
}

/** Throws `TooLarge` as soon as the output exceeds `limitBytes`, and any other error for invalid data. */
export function inflate(codec: number, bytes: Buffer, limitBytes: number): Buffer {
  if (!(codec in codecs)) throw new Error(`${codecName(codec)} is not a known codec`)
  const into = new InflatedBytes(limitBytes, bytes.length * 4)
  codecs[codec as keyof typeof codecs].inflate(bytes, into)
  return into.bytes()
}

function inflateGzip(bytes: Buffer, into: InflatedBytes): void {
  try {
    into.adopt(gunzipSync(bytes, { maxOutputLength: into.limitBytes }))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    throw code === 'ERR_BUFFER_TOO_LARGE' ? new TooLarge(into.limitBytes) : error
  }
}

/**
 * Zstandard through fzstd, which decodes block by block, so that it can be stopped at the limit. It trusts the window
 * size that a frame claims, up to 2 GB, and would allocate it, so the size is checked here first.
 */
const ZSTD_MAGIC = 0xfd2fb528
const SKIPPABLE = 0x184d2a50

function inflateZstd(bytes: Buffer, into: InflatedBytes): void {
  for (let at = 0; at < bytes.length;) {
    const end = zstdFrameEnd(bytes, at, into.limitBytes)
    if (bytes.readUInt32LE(at) === ZSTD_MAGIC) zstdFrame(bytes.subarray(at, end), into)
    at = end
  }
}

function zstdFrame(bytes: Buffer, into: InflatedBytes): void {
  const decoder = new Decompress((block) => {
    into.append(block)
  })
  decoder.push(bytes, true)
}

/** Where the frame at `start` ends. Throws if it claims more memory than the output limit. */
function zstdFrameEnd(bytes: Buffer, start: number, limitBytes: number): number {
  const magic = bytes.readUInt32LE(start)
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) return start + 8 + bytes.readUInt32LE(start + 4)
  if (magic !== ZSTD_MAGIC) throw new Error('not a zstd frame')
  const { windowBytes, headerBytes, hasChecksum } = zstdFrameHeader(bytes, start + 4)
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

function zstdFrameHeader(bytes: Buffer, at: number) {
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

/**
 * Snappy, decoding only: raw blocks as the format defines them, and the frames of xerial's snappy-java, which Kafka's
 * own producers write.
 */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
/** The magic, and two versions of 32 bits. */
const XERIAL_HEADER_BYTES = 16

function inflateSnappy(bytes: Buffer, into: InflatedBytes): void {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    snappyBlock(bytes, into)
    return
  }
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    const length = bytes.readInt32BE(at)
    const end = at + 4 + length
    if (length < 0 || end > bytes.length) throw new Error('a snappy frame is truncated')
    snappyBlock(bytes.subarray(at + 4, end), into)
    at = end
  }
}

function snappyBlock(bytes: Buffer, into: InflatedBytes): void {
  const begin = into.length
  const { value: size, next } = uncompressedSize(bytes)
  into.reserve(size)
  let at = next
  while (at < bytes.length) at = snappyElement(bytes, at, into, begin)
  if (into.length - begin !== size)
    throw new Error('a snappy block has a size other than its header says')
}

/** A literal or a copy, distinguished by the two low bits of its tag. Returns where the next one begins. */
function snappyElement(bytes: Buffer, at: number, into: InflatedBytes, begin: number): number {
  const tag = bytes.readUInt8(at)
  const high = tag >> 2
  switch (tag & 3) {
    case 0:
      return snappyLiteral(bytes, at + 1, high, into)
    case 1:
      into.repeat(((tag & 0xe0) << 3) | bytes.readUInt8(at + 1), (high & 7) + 4, begin)
      return at + 2
    case 2:
      into.repeat(bytes.readUInt16LE(at + 1), high + 1, begin)
      return at + 3
    default:
      into.repeat(bytes.readUInt32LE(at + 1), high + 1, begin)
      return at + 5
  }
}

function snappyLiteral(bytes: Buffer, at: number, high: number, into: InflatedBytes): number {
  // 60 to 63: the length is in one to four separate bytes.
  const extra = Math.max(0, high - 59)
  const length = (extra === 0 ? high : bytes.readUIntLE(at, extra)) + 1
  const from = at + extra
  if (from + length > bytes.length) throw new Error('a snappy literal is truncated')
  into.append(bytes.subarray(from, from + length))
  return from + length
}

function uncompressedSize(bytes: Buffer): { readonly value: number; readonly next: number } {
  let value = 0
  for (let at = 0; at < 5; at += 1) {
    const byte = bytes.readUInt8(at)
    value += (byte & 0x7f) * 2 ** (7 * at)
    if (byte < 0x80) return { value, next: at + 1 }
  }
  throw new Error('the size of a snappy block does not end')
}

/**
 * LZ4 frames, decoding only, blocks dependent or not. Checksums are ignored: the broker and TCP have their own.
 *
 * lz4/lz4, doc/lz4_Frame_format.md and doc/lz4_Block_format.md (Collet, 2011).
 */
const LZ4_MAGIC = 0x184d2204
/** The base of a match's length field, the shortest possible match. */
const LEAST_MATCH = 4
const UNCOMPRESSED = 0x80000000

function inflateLz4(bytes: Buffer, into: InflatedBytes): void {
  for (let at = 0; at < bytes.length;) at = lz4Frame(bytes, at, into)
}

function lz4Frame(bytes: Buffer, start: number, into: InflatedBytes): number {
  if (bytes.readUInt32LE(start) !== LZ4_MAGIC) throw new Error('no LZ4 frame')
  const flags = bytes.readUInt8(start + 4)
  const has = (bit: number) => (flags & bit) !== 0
  // Magic, flags, block size, header checksum; also content size and dictionary id if the flags say so.
  let at = start + 7 + (has(0x08) ? 8 : 0) + (has(0x01) ? 4 : 0)
  for (;;) {
    const word = bytes.readUInt32LE(at)
    at += 4
    if (word === 0) return at + (has(0x04) ? 4 : 0)
    const size = word & ~UNCOMPRESSED
    if (at + size > bytes.length) throw new Error('an LZ4 block is truncated')
    const block = bytes.subarray(at, at + size)
    if (word >= UNCOMPRESSED) into.append(block)
    else lz4Sequences(block, into)
    at += size + (has(0x10) ? 4 : 0)
  }
}

/** Alternates literals and copies of earlier output; the last literals have no copy. */
function lz4Sequences(block: Buffer, into: InflatedBytes): void {
  for (let at = 0; at < block.length;) {
    const token = block.readUInt8(at)
    const literals = lz4Length(block, at + 1, token >> 4)
    const end = literals.next + literals.value
    if (end > block.length) throw new Error('an LZ4 literal is truncated')
    into.append(block.subarray(literals.next, end))
    if (end === block.length) return
    const match = lz4Length(block, end + 2, token & 15)
    into.repeat(block.readUInt16LE(end), match.value + LEAST_MATCH)
    at = match.next
  }
}

/** Fifteen means that more bytes follow, to be added up to the first one below 255. */
function lz4Length(block: Buffer, at: number, first: number) {
  let value = first
  let next = at
  for (let byte = 255; first === 15 && byte === 255; next += 1) {
    byte = block.readUInt8(next)
    value += byte
  }
  return { value, next }
}
