/**
 * LZ4 frames, decoding only, blocks dependent or not. Checksums are ignored: the broker and TCP have their own.
 *
 * lz4/lz4, doc/lz4_Frame_format.md and doc/lz4_Block_format.md (Collet, 2011).
 */
import type { InflatedBytes } from './inflated.ts'

const MAGIC = 0x184d2204
/** The base of a match's length field, the shortest possible match. */
const LEAST_MATCH = 4
const UNCOMPRESSED = 0x80000000

export function inflateLz4(bytes: Buffer, into: InflatedBytes): void {
  for (let at = 0; at < bytes.length;) at = frame(bytes, at, into)
}

function frame(bytes: Buffer, start: number, into: InflatedBytes): number {
  if (bytes.readUInt32LE(start) !== MAGIC) throw new Error('no LZ4 frame')
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
    else sequences(block, into)
    at += size + (has(0x10) ? 4 : 0)
  }
}

/** Alternates literals and copies of earlier output; the last literals have no copy. */
function sequences(block: Buffer, into: InflatedBytes): void {
  for (let at = 0; at < block.length;) {
    const token = block.readUInt8(at)
    const literals = length(block, at + 1, token >> 4)
    const end = literals.next + literals.value
    if (end > block.length) throw new Error('an LZ4 literal is truncated')
    into.append(block.subarray(literals.next, end))
    if (end === block.length) return
    const match = length(block, end + 2, token & 15)
    into.repeat(block.readUInt16LE(end), match.value + LEAST_MATCH)
    at = match.next
  }
}

/** Fifteen means that more bytes follow, to be added up to the first one below 255. */
function length(block: Buffer, at: number, first: number) {
  let value = first
  let next = at
  for (let byte = 255; first === 15 && byte === 255; next += 1) {
    byte = block.readUInt8(next)
    value += byte
  }
  return { value, next }
}
