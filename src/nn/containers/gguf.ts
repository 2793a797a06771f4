/**
 * GGUF, the file format of llama.cpp: metadata, then a table of tensors, then their bytes. Everything in it is
 * validated before it is used: a file with a false size, count or offset is refused, and nothing large is allocated for it.
 *
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
import { failure } from '../../platform/errors.ts'
import type { StoredBytes } from './stored-bytes.ts'
import { isStorage, storageNames, storedBytes, type GgufStorage } from './gguf-blocks.ts'

export type GgufValue = string | number | bigint | boolean | readonly GgufValue[]

interface GgufTensor {
  readonly storage: GgufStorage
  /** Row-major, as other formats have it: GGUF itself writes the last axis first. */
  readonly shape: readonly number[]
  /** Of a file it is read at each call. */
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
export function readGguf(bytes: StoredBytes): GgufFile {
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
  bytes: StoredBytes,
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
    const read = () => bytes.subarray(begin + offset, begin + offset + size)
    tensors.set(name, {
      storage,
      shape,
      get data() {
        return read()
      },
    })
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
/** Bytes of a header that are read at once. */
const PART = 1 << 20

export function openCursor(bytes: StoredBytes): Cursor {
  const decoder = new TextDecoder()
  let [at, begin] = [0, 0]
  let part: Uint8Array = new Uint8Array()
  const take = (size: number): DataView => {
    if (size > bytes.length - at) throw invalid('it ends inside its header')
    if (at + size > begin + part.length) {
      begin = at
      part = bytes.subarray(at, Math.min(bytes.length, at + Math.max(size, PART)))
    }
    const taken = new DataView(part.buffer, part.byteOffset + at - begin, size)
    at += size
    return taken
  }
  const count = (of: string): number => {
    const value = take(8).getBigUint64(0, true)
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
    throw invalid(`${value} is no size of ${of}`)
  }
  const scalars: Readonly<Record<number, () => number | bigint | boolean>> = {
    0: () => take(1).getUint8(0),
    1: () => take(1).getInt8(0),
    2: () => take(2).getUint16(0, true),
    3: () => take(2).getInt16(0, true),
    4: () => take(4).getUint32(0, true),
    5: () => take(4).getInt32(0, true),
    6: () => take(4).getFloat32(0, true),
    7: () => take(1).getUint8(0) === 1,
    10: () => take(8).getBigUint64(0, true),
    11: () => take(8).getBigInt64(0, true),
    12: () => take(8).getFloat64(0, true),
  }
  return {
    at: () => at,
    left: () => bytes.length - at,
    integer(size) {
      const taken = take(size)
      if (size === 1) return taken.getUint8(0)
      return size === 2 ? taken.getUint16(0, true) : taken.getUint32(0, true)
    },
    count,
    text(what) {
      const length = count(what)
      if (length > MOST_TEXT) throw invalid(`${what} claims ${length} bytes`)
      return decoder.decode(take(length))
    },
    scalar(type, key) {
      const read = scalars[type]
      if (read === undefined) throw invalid(`${key} has the unknown type ${type}`)
      return read()
    },
  }
}
