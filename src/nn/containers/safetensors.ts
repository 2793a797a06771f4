/**
 * The safetensors format: an 8-byte length, a JSON header of that length, then the tensors' bytes. It contains only
 * numbers and no code, so a file from anywhere may be opened; everything in it is validated.
 *
 * https://github.com/huggingface/safetensors#format
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { defaultLimits } from '../../platform/limits.ts'
import { parseHeader, type HeaderEntry } from './safetensors-header.ts'

export interface StoredTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  /** A view into the file's bytes, little-endian, at any alignment. */
  readonly data: Uint8Array
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>
  readonly metadata: Readonly<Record<string, string>>
}

const LENGTH_BYTES = 8
const ALIGNMENT_BYTES = 8

/** Throws SAFETENSORS_INVALID, which says what is wrong and with which tensor. */
export function readSafetensors(
  bytes: Uint8Array,
  mostHeaderBytes: number = defaultLimits.safetensors_header_bytes,
): SafetensorsFile {
  if (bytes.length < LENGTH_BYTES) throw invalid(`${bytes.length} bytes cannot hold a header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerBytes = view.getBigUint64(0, true)
  if (headerBytes > BigInt(mostHeaderBytes))
    throw invalid(
      `its header of ${headerBytes} bytes is above ${mostHeaderBytes}, the limit safetensors_header_bytes`,
    )
  const begin = LENGTH_BYTES + Number(headerBytes)
  if (begin > bytes.length) throw invalid('it ends inside its header')
  const { entries, metadata } = parseHeader(bytes.subarray(LENGTH_BYTES, begin))
  const body = bytes.subarray(begin)
  checkTiling(entries, body.length)
  const tensors = entries.map(({ name, dtype, shape, from, to }): [string, StoredTensor] => [
    name,
    { dtype, shape, data: body.subarray(from, to) },
  ])
  return { tensors: new Map(tensors), metadata }
}

/** The same tensors and metadata give the same bytes: names sorted, the header padded so that the data is aligned. */
export function writeSafetensors(
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const sorted = [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))
  const entries: [string, unknown][] = []
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', sortedRecord(metadata)])
  let at = 0
  for (const [name, { shape, data }] of sorted) {
    entries.push([name, { dtype: 'F32', shape, data_offsets: [at, at + data.byteLength] }])
    at += data.byteLength
  }
  return joined(headerText(entries), sorted, at)
}

/** Every tensor begins where the previous one ends, from the first byte to the last: no overlap, gap or rest. */
function checkTiling(entries: readonly HeaderEntry[], bodyBytes: number): void {
  let at = 0
  for (const { name, from, to } of entries.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    if (from < at) throw invalid(`${name} overlaps another tensor`, name)
    if (from > at) throw invalid(`there is a hole of ${from - at} bytes before ${name}`, name)
    if (to > bodyBytes) throw invalid(`it ends inside ${name}`, name)
    at = to
  }
  if (at < bodyBytes) throw invalid(`${bodyBytes - at} bytes at its end belong to no tensor`)
}

/** An object literal would move names that look like numbers to the front and swallow `__proto__`. */
function headerText(entries: readonly [string, unknown][]): string {
  const members = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return `{${members.join(',')}}`
}

function sortedRecord(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function joined(
  header: string,
  tensors: readonly (readonly [string, Tensor])[],
  bodyBytes: number,
): Uint8Array {
  const text = Buffer.from(header, 'utf8')
  const headerBytes = Math.ceil(text.length / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
  const bytes = Buffer.alloc(LENGTH_BYTES + headerBytes + bodyBytes, ' ')
  bytes.writeBigUInt64LE(BigInt(headerBytes))
  bytes.set(text, LENGTH_BYTES)
  let at = LENGTH_BYTES + headerBytes
  for (const [, { data }] of tensors) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return bytes
}

function invalid(what: string, tensor?: string): Error {
  return failure('SAFETENSORS_INVALID', `the safetensors file is invalid: ${what}`, {
    details: tensor === undefined ? {} : { tensor },
  })
}
