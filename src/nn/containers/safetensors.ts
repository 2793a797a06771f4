/**
 * The safetensors format: an 8-byte length, a JSON header of that length, then the tensors' bytes. It contains only
 * numbers and no code, so a file from anywhere may be opened; everything in it is validated.
 *
 * https://github.com/huggingface/safetensors#format
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { defaultLimits } from '../../platform/limits.ts'
import type { StoredBytes } from './stored-bytes.ts'

export interface StoredTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  /** Little-endian, at any alignment; of a file it is read at each call. */
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
  bytes: StoredBytes,
  mostHeaderBytes: number = defaultLimits.safetensors_header_bytes,
): SafetensorsFile {
  if (bytes.length < LENGTH_BYTES) throw invalid(`${bytes.length} bytes cannot hold a header`)
  const headerBytes = Buffer.from(bytes.subarray(0, LENGTH_BYTES)).readBigUInt64LE()
  if (headerBytes > BigInt(mostHeaderBytes))
    throw invalid(
      `its header of ${headerBytes} bytes is above ${mostHeaderBytes}, the limit safetensors_header_bytes`,
    )
  const begin = LENGTH_BYTES + Number(headerBytes)
  if (begin > bytes.length) throw invalid('it ends inside its header')
  const { entries, metadata } = parseHeader(bytes.subarray(LENGTH_BYTES, begin))
  checkTiling(entries, bytes.length - begin)
  const tensors = entries.map(({ name, dtype, shape, from, to }): [string, StoredTensor] => {
    const read = () => bytes.subarray(begin + from, begin + to)
    return [
      name,
      {
        dtype,
        shape,
        get data() {
          return read()
        },
      },
    ]
  })
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

function invalid(what: string, tensor?: string, cause?: unknown): Error {
  return failure('SAFETENSORS_INVALID', `the safetensors file is invalid: ${what}`, {
    ...(tensor !== undefined && { details: { tensor } }),
    cause,
  })
}

/**
 * Finds a duplicate object key in a JSON text. JSON.parse silently takes the last one, other parsers the first, and a
 * file must not have two meanings.
 */

/** A string, or a bracket, comma or colon; no key is between them. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/** `json` must be valid. Returns the first duplicate key of an object, or undefined. */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  let previous = ''
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const key = JSON.parse(previous) as string
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
    previous = token
  }
  return undefined
}

/**
 * Reads the JSON header of a safetensors file. Duplicate keys, which JSON.parse would resolve silently, are refused:
 * two readers must never see two different files.
 */
interface HeaderEntry {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  /** Offsets into the bytes after the header. */
  readonly from: number
  readonly to: number
}

interface Header {
  readonly entries: readonly HeaderEntry[]
  readonly metadata: Readonly<Record<string, string>>
}

const dtypeBytes: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
}

function parseHeader(bytes: Uint8Array): Header {
  const members = Object.entries(parseObject(bytes))
  const metadata = members.find(([name]) => name === '__metadata__')?.[1]
  const tensors = members.filter(([name]) => name !== '__metadata__')
  return {
    entries: tensors.map(([name, value]) => entryOf(name, value)),
    metadata: texts(metadata ?? {}),
  }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  const text = decode(bytes)
  if (!text.startsWith('{')) throw invalid('the header does not begin with {')
  const value: unknown = parse(text)
  if (!isObject(value)) throw invalid('the header is not an object')
  const twice = duplicateKey(text)
  if (twice !== undefined) throw invalid(`the key ${JSON.stringify(twice)} occurs twice`)
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw invalid('the header is not UTF-8', undefined, cause)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalid('the header is not JSON', undefined, cause)
  }
}

function entryOf(name: string, value: unknown): HeaderEntry {
  if (!isObject(value)) throw invalid(`${name} is not described by an object`)
  const { dtype, shape, data_offsets: offsets, ...others } = value
  const other = Object.keys(others)[0]
  if (other !== undefined) throw invalid(`${name} has the unknown field ${other}`)
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypeBytes, dtype))
    throw invalid(`${name} has the unknown dtype ${JSON.stringify(dtype)}`)
  if (!isCounts(shape)) throw invalid(`${name} has no valid shape`)
  if (!isCounts(offsets) || offsets.length !== 2) throw invalid(`${name} has no valid data_offsets`)
  const [from = 0, to = 0] = offsets
  checkSize(name, shape, dtypeBytes[dtype] ?? 0, to - from)
  return { name, dtype, shape, from, to }
}

/** In exact integers: a product that overflows must not happen to equal the size. */
function checkSize(name: string, shape: readonly number[], itemBytes: number, held: number): void {
  const needed = shape.reduce((product, size) => product * BigInt(size), BigInt(itemBytes))
  if (needed !== BigInt(held))
    throw invalid(`${name} needs ${needed} bytes for its shape [${shape.join()}], but has ${held}`)
}

function texts(value: unknown): Readonly<Record<string, string>> {
  if (!isObject(value)) throw invalid('__metadata__ is not an object')
  for (const [name, text] of Object.entries(value))
    if (typeof text !== 'string') throw invalid(`__metadata__.${name} is not text`)
  return value as Readonly<Record<string, string>>
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((part) => Number.isSafeInteger(part) && part >= 0)
}
