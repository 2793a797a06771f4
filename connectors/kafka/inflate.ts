/**
 * Decompresses a batch under a limit: anyone who may write to the topic controls its content, and one megabyte in any
 * of these codecs can hold hundreds.
 */
import { gunzipSync } from 'node:zlib'
import { InflatedBytes, TooLarge } from './inflated.ts'
import { inflateLz4 } from './lz4.ts'
import { inflateSnappy } from './snappy.ts'
import { inflateZstd } from './zstd.ts'

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
