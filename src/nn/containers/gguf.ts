/**
 * GGUF, the file format of llama.cpp: metadata, then a table of tensors, then their bytes. Everything in it is
 * validated before it is used: a file with a false size, count or offset is refused, and nothing large is allocated for it.
 *
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { failure } from '../../platform/errors.ts'
import { isStorage, storageNames, storedBytes, type GgufStorage } from './gguf-blocks.ts'

export type GgufValue = string | number | bigint | boolean | readonly GgufValue[]

interface GgufTensor {
  readonly storage: GgufStorage
  /** Row-major, as other formats have it: GGUF itself writes the last axis first. */
  readonly shape: readonly number[]
  /** A view into the file's bytes. */
  readonly data: Uint8Array
}

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

const MAGIC = 0x46554747
const VERSIONS: readonly number[] = [2, 3]
const ALIGNMENT = 32
const MOST_ENTRIES = 100_000
const MOST_AXES = 4
const TEXT = 8
const LIST = 9

/** Throws GGUF_INVALID, or BASE_UNSUPPORTED for a kind of tensor that is not read here. */
export function readGguf(bytes: Uint8Array): GgufFile {
  const cursor = openCursor(bytes)
  if (bytes.length < 24 || cursor.integer(4) !== MAGIC) throw invalid('it does not begin with GGUF')
  const version = cursor.integer(4)
  if (!VERSIONS.includes(version)) throw invalid(`its version is ${version}, not 2 or 3`)
  const [tensorCount, valueCount] = [cursor.count('tensors'), cursor.count('metadata')]
  if (tensorCount > MOST_ENTRIES || valueCount > MOST_ENTRIES)
    throw invalid(`it claims ${tensorCount} tensors and ${valueCount} values of metadata`)
  const metadata = readMetadata(cursor, valueCount)
  const entries = Array.from({ length: tensorCount }, () => readEntry(cursor))
  const alignment = metadata.get('general.alignment') ?? ALIGNMENT
  if (typeof alignment !== 'number' || alignment < 1 || alignment % 8 !== 0)
    throw invalid(`general.alignment is ${String(alignment)}`)
  const begin = Math.ceil(cursor.at() / alignment) * alignment
  return { metadata, tensors: takeTensors(entries, bytes, begin, alignment) }
}

/** A value that must be there with its type; a name may be one of several. */
export function metadataNumber({ metadata }: GgufFile, key: string): number {
  const value = metadata.get(key)
  const number = typeof value === 'bigint' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  throw invalid(`${key} is ${value === undefined ? 'missing' : typeof value}, not a number`)
}

export function metadataTexts({ metadata }: GgufFile, key: string): readonly string[] {
  const value = metadata.get(key)
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value
  throw invalid(`${key} is ${value === undefined ? 'missing' : 'no list of texts'}`)
}

interface Entry {
  readonly name: string
  readonly storage: GgufStorage
  readonly shape: readonly number[]
  readonly offset: number
}

function readMetadata(cursor: Cursor, count: number): ReadonlyMap<string, GgufValue> {
  const metadata = new Map<string, GgufValue>()
  for (let at = 0; at < count; at += 1) {
    const key = cursor.text('a key')
    if (metadata.has(key)) throw invalid(`${shown(key)} occurs twice`)
    metadata.set(key, readValue(cursor, cursor.integer(4), key))
  }
  return metadata
}

function readValue(cursor: Cursor, type: number, key: string): GgufValue {
  if (type === TEXT) return cursor.text(key)
  if (type !== LIST) return cursor.scalar(type, key)
  const of = cursor.integer(4)
  if (of === LIST) throw invalid(`${shown(key)} is a list of lists`)
  const count = cursor.count(key)
  // Each element takes a byte at least, so a false count is found before anything is allocated for it.
  if (count > cursor.left()) throw invalid(`${shown(key)} claims ${count} elements`)
  return Array.from({ length: count }, () => readValue(cursor, of, key))
}

function readEntry(cursor: Cursor): Entry {
  const name = cursor.text('the name of a tensor')
  const axes = cursor.integer(4)
  if (axes < 1 || axes > MOST_AXES) throw invalid(`${shown(name)} has ${axes} axes`, name)
  const shape = Array.from({ length: axes }, () => cursor.count(name)).reverse()
  if (shape.some((size) => size < 1)) throw invalid(`${shown(name)} is [${shape.join()}]`, name)
  const storage = cursor.integer(4)
  const offset = cursor.count(name)
  if (!isStorage(storage))
    throw failure(
      'BASE_UNSUPPORTED',
      `${name} is stored as type ${storage} of GGUF, not as ${storageNames.join(', ')}`,
      { details: { tensor: name, type: storage } },
    )
  return { name, storage, shape, offset }
}

function takeTensors(
  entries: readonly Entry[],
  bytes: Uint8Array,
  begin: number,
  alignment: number,
): ReadonlyMap<string, GgufTensor> {
  const tensors = new Map<string, GgufTensor>()
  let end = 0
  for (const { name, storage, shape, offset } of entries.toSorted((a, b) => a.offset - b.offset)) {
    const size = storedBytes(storage, shape)
    if (size === undefined)
      throw invalid(`${shown(name)} [${shape.join()}] is not made of whole blocks`, name)
    if (offset % alignment !== 0)
      throw invalid(`${shown(name)} begins at ${offset}, which is not aligned`, name)
    if (offset < end) throw invalid(`${shown(name)} overlaps another tensor`, name)
    end = offset + size
    if (begin + end > bytes.length) throw invalid(`it ends inside ${shown(name)}`, name)
    if (tensors.has(name)) throw invalid(`the tensor ${shown(name)} occurs twice`, name)
    const data = bytes.subarray(begin + offset, begin + end)
    tensors.set(name, { storage, shape, data })
  }
  return tensors
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100))
}

function invalid(what: string, tensor?: string): Error {
  return failure('GGUF_INVALID', `the GGUF file is invalid: ${what}`, {
    details: tensor === undefined ? {} : { tensor },
  })
}

/**
 * Reads the little-endian values of a GGUF file one after the other, and never beyond its end.
 */
interface Cursor {
  at(): number
  /** Bytes that were not read yet. */
  left(): number
  /** An unsigned integer of 1, 2 or 4 bytes. */
  integer(bytes: 1 | 2 | 4): number
  /** An unsigned integer of 8 bytes that counts something, so it must be a safe number. */
  count(of: string): number
  text(what: string): string
  /** A number or boolean, by its type in the file. */
  scalar(type: number, key: string): number | bigint | boolean
}

const MOST_TEXT = 1 << 20

export function openCursor(bytes: Uint8Array): Cursor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const decoder = new TextDecoder()
  let at = 0
  const take = (size: number): number => {
    const from = at
    if (size > bytes.length - from) throw invalid('it ends inside its header')
    at += size
    return from
  }
  const count = (of: string): number => {
    const value = view.getBigUint64(take(8), true)
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
    throw invalid(`${value} is no size of ${of}`)
  }
  const scalars: Readonly<Record<number, () => number | bigint | boolean>> = {
    0: () => view.getUint8(take(1)),
    1: () => view.getInt8(take(1)),
    2: () => view.getUint16(take(2), true),
    3: () => view.getInt16(take(2), true),
    4: () => view.getUint32(take(4), true),
    5: () => view.getInt32(take(4), true),
    6: () => view.getFloat32(take(4), true),
    7: () => view.getUint8(take(1)) === 1,
    10: () => view.getBigUint64(take(8), true),
    11: () => view.getBigInt64(take(8), true),
    12: () => view.getFloat64(take(8), true),
  }
  return {
    at: () => at,
    left: () => bytes.length - at,
    integer(size) {
      const from = take(size)
      if (size === 1) return view.getUint8(from)
      return size === 2 ? view.getUint16(from, true) : view.getUint32(from, true)
    },
    count,
    text(what) {
      const length = count(what)
      if (length > MOST_TEXT) throw invalid(`${what} claims ${length} bytes`)
      const from = take(length)
      return decoder.decode(bytes.subarray(from, from + length))
    },
    scalar(type, key) {
      const read = scalars[type]
      if (read === undefined) throw invalid(`${key} has the unknown type ${type}`)
      return read()
    },
  }
}
