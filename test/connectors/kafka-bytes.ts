/** Bytes that no honest producer writes: batches of our own making, and small data out of which half a gigabyte comes. */
import { gzipSync } from 'node:zlib'

const MiB = 1024 * 1024

export const codecs = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const
export type Codec = keyof typeof codecs

/** A batch of message format 2 around the records given, compressed as `codec` says. */
export function batchOf(
  records: Buffer,
  { codec = 0, count = 1, base = 0 }: { codec?: number; count?: number; base?: number } = {},
): Buffer {
  const header = Buffer.alloc(61)
  header.writeBigInt64BE(BigInt(base), 0)
  header.writeInt32BE(49 + records.length, 8)
  header.writeInt8(2, 16)
  header.writeInt16BE(codec, 21)
  header.writeInt32BE(count - 1, 23)
  header.writeBigInt64BE(1000n, 27)
  header.writeBigInt64BE(2000n, 35)
  header.writeBigInt64BE(-1n, 43)
  header.writeInt32BE(count, 57)
  return Buffer.concat([header, records])
}

export function recordOf(value: Buffer, delta = 0): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(7),
    varint(delta),
    varint(-1),
    varint(value.length),
    value,
    Buffer.from([0]),
  ])
  return Buffer.concat([varint(body.length), body])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** 512 MiB of zeros in a few megabytes at most. */
export const bombs: Readonly<Record<Codec, () => Buffer>> = {
  gzip: () => repeat(gzipSync(Buffer.alloc(16 * MiB)), 32),
  // A literal zero, then copies of 64 bytes at distance 1.
  snappy: () =>
    Buffer.concat([
      Buffer.from([0x80, 0x80, 0x80, 0x80, 0x02, 0x00, 0x00]),
      repeat(Buffer.from([0xfe, 0x01, 0x00]), 512 * 1024),
    ]),
  lz4: () => {
    const run = Buffer.concat([
      Buffer.from([0x1f, 0x00, 0x01, 0x00]),
      Buffer.alloc((4 * MiB) / 255, 255),
      Buffer.from([0]),
    ])
    const size = Buffer.alloc(4)
    size.writeUInt32LE(run.length)
    const begin = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73])
    return Buffer.concat([begin, repeat(Buffer.concat([size, run]), 128), Buffer.alloc(4)])
  },
  // Runs of 128 KiB, four bytes each.
  zstd: () =>
    Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50]),
      repeat(Buffer.from([0x02, 0x00, 0x10, 0x00]), 4096),
      Buffer.from([0x03, 0x00, 0x10, 0x00]),
    ]),
}

/** The same in the frames of snappy-java, each of a size that is allowed. */
export function framedSnappyBomb(): Buffer {
  // 1 MiB: a literal zero, then copies up to the size that stands at the beginning.
  const copies = repeat(Buffer.from([0xfe, 0x01, 0x00]), 16_383)
  const block = Buffer.concat([
    Buffer.from([0x80, 0x80, 0x40, 0x00, 0x00]),
    copies,
    Buffer.from([(62 << 2) | 2, 0x01, 0x00]),
  ])
  const size = Buffer.alloc(4)
  size.writeUInt32BE(block.length)
  const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
  return Buffer.concat([magic, repeat(Buffer.concat([size, block]), 512)])
}

function repeat(bytes: Buffer, times: number): Buffer {
  return Buffer.alloc(bytes.length * times, bytes)
}
