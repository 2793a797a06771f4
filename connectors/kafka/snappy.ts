/**
 * Snappy, decoding only: raw blocks as the format defines them, and the frames of xerial's snappy-java, which Kafka's
 * own producers write.
 */
import type { InflatedBytes } from './inflated.ts'

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
/** The magic, and two versions of 32 bits. */
const XERIAL_HEADER_BYTES = 16

export function inflateSnappy(bytes: Buffer, into: InflatedBytes): void {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    block(bytes, into)
    return
  }
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length;) {
    const length = bytes.readInt32BE(at)
    const end = at + 4 + length
    if (length < 0 || end > bytes.length) throw new Error('a snappy frame is truncated')
    block(bytes.subarray(at + 4, end), into)
    at = end
  }
}

function block(bytes: Buffer, into: InflatedBytes): void {
  const begin = into.length
  const { value: size, next } = uncompressedSize(bytes)
  into.reserve(size)
  let at = next
  while (at < bytes.length) at = element(bytes, at, into, begin)
  if (into.length - begin !== size)
    throw new Error('a snappy block has a size other than its header says')
}

/** A literal or a copy, distinguished by the two low bits of its tag. Returns where the next one begins. */
function element(bytes: Buffer, at: number, into: InflatedBytes, begin: number): number {
  const tag = bytes.readUInt8(at)
  const high = tag >> 2
  switch (tag & 3) {
    case 0:
      return literal(bytes, at + 1, high, into)
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

function literal(bytes: Buffer, at: number, high: number, into: InflatedBytes): number {
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
