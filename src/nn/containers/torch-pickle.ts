/**
 * Tensors in the older format of `torch.save`: four pickles (a magic number, a version, the machine, the object), a fifth with the
 * keys of the storages, and their bytes. A pickle is a program that builds objects; this reader runs the part of it that
 * builds named tensors, and refuses every other instruction and every other name. Nothing of Python is called.
 *
 * https://github.com/pytorch/pytorch/blob/main/torch/serialization.py (_legacy_save), and Lib/pickletools.py of CPython
 */
import type { Tensor, Tensors } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'

/** 0x1950a86a20f9469cfc6c, as LONG1 writes it. */
const MAGIC = '6cfc9c46f9206aa85019'
const VERSION = 1001
/** A network of a thousand tensors takes a twentieth of them. */
const MOST_STEPS = 1_000_000

/** The tensors of floats by name; counters, which are whole numbers, are left out. Throws PICKLE_REFUSED. */
export function readTorchPickle(bytes: Uint8Array): Tensors {
  const file = new Cursor(bytes)
  if (unpickled(file) !== MAGIC) throw refused('it does not begin as torch.save writes it')
  if (unpickled(file) !== VERSION) throw refused('it has an unknown version')
  const machine = unpickled(file)
  if (!(machine instanceof Map) || machine.get('little_endian') !== true)
    throw refused('its numbers are not little-endian')
  const named = unpickled(file)
  if (!(named instanceof Map)) throw refused('it holds no table of named tensors')
  const data = bytesOf(file, unpickled(file), file.storages)
  const tensors = [...named].flatMap(([name, value]): [string, Tensor][] => {
    if (!(value instanceof StoredView)) throw refused(`${name} is no tensor`)
    return value.storage.isFloat ? [[name, gathered(name, value, data)]] : []
  })
  return new Map(tensors)
}

/** The file, and what its pickles have said of storages so far. */
class Cursor {
  readonly storages = new Map<string, Storage>()
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0
  #steps = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  take(count: number): Uint8Array {
    if (!(count >= 0 && this.#at + count <= this.#bytes.length)) throw refused('it is cut off')
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  step(): number {
    if ((this.#steps += 1) > MOST_STEPS) throw refused(`it has more than ${MOST_STEPS} steps`)
    return this.byte()
  }

  byte(): number {
    return this.take(1)[0] ?? 0
  }

  uint16(): number {
    return this.#view.getUint16(this.#placeOf(2), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#placeOf(4), true)
  }

  uint32(): number {
    return this.int32() >>> 0
  }

  int64(): bigint {
    return this.#view.getBigInt64(this.#placeOf(8), true)
  }

  text(count: number): string {
    return Buffer.from(this.take(count)).toString('utf8')
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw refused('it is cut off')
    const text = this.text(end - this.#at)
    this.#at += 1
    return text
  }

  #placeOf(count: number): number {
    this.take(count)
    return this.#at - count
  }
}

/** What stands for a name of Python: nothing but these is known. */
const ORDERED_DICT = 'collections OrderedDict'
const REBUILD = 'torch._utils _rebuild_tensor_v2'
const FLOATS = 'torch FloatStorage'
const names: readonly string[] = [ORDERED_DICT, REBUILD, FLOATS, 'torch LongStorage']

class Name {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

interface Storage {
  readonly key: string
  readonly numbers: number
  readonly isFloat: boolean
}

/** A place in a storage: numbers at offset + Σ index·stride. */
class StoredView {
  readonly storage: Storage
  readonly offset: number
  readonly shape: readonly number[]
  readonly strides: readonly number[]
  constructor(
    storage: Storage,
    offset: number,
    shape: readonly number[],
    strides: readonly number[],
  ) {
    this.storage = storage
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

class StorageName {
  readonly storage: Storage
  constructor(storage: Storage) {
    this.storage = storage
  }
}

type Value =
  null | boolean | number | string | Name | StorageName | StoredView | Value[] | Map<string, Value>

const marker = Symbol('MARK')

function unpickled(file: Cursor): Value {
  return new Unpickler(file).run()
}

/** Runs one pickle. Tuples are lists here, and a list may change while it is built: what is kept of one is a copy. */
class Unpickler {
  readonly #file: Cursor
  readonly #stack: (Value | typeof marker)[] = []
  readonly #memo = new Map<number, Value>()

  constructor(file: Cursor) {
    this.#file = file
  }

  run(): Value {
    for (let code = this.#file.step(); code !== STOP; code = this.#file.step()) {
      const operation = operations[code]
      if (operation === undefined) throw refused(`it has the instruction ${shownCode(code)}`)
      operation(this, this.#file)
    }
    return this.pop()
  }

  push(value: Value): void {
    this.#stack.push(value)
  }

  mark(): void {
    this.#stack.push(marker)
  }

  pop(): Value {
    const value = this.#stack.pop()
    if (value === undefined || value === marker) throw refused('its stack is empty')
    return value
  }

  top(): Value {
    const value = this.#stack.at(-1)
    if (value === undefined || value === marker) throw refused('its stack is empty')
    return value
  }

  /** All above the last mark, which goes too. */
  marked(): Value[] {
    const from = this.#stack.lastIndexOf(marker)
    if (from < 0) throw refused('its stack has no mark')
    const values = this.#stack.splice(from).slice(1)
    return values.filter((value) => value !== marker)
  }

  remember(place: number): void {
    this.#memo.set(place, this.top())
  }

  recall(place: number): void {
    const value = this.#memo.get(place)
    if (value === undefined) throw refused(`it reads the place ${place}, which is empty`)
    this.push(value)
  }

  list(): Value[] {
    const list = this.top()
    if (!Array.isArray(list)) throw refused('it appends to what is no list')
    return list
  }

  set(pairs: readonly Value[]): void {
    const table = this.top()
    if (!(table instanceof Map) || pairs.length % 2 !== 0)
      throw refused('it sets items of what is no table')
    for (let at = 0; at < pairs.length; at += 2) {
      const key = pairs[at]
      if (typeof key !== 'string') throw refused('a table has a key that is no text')
      table.set(key, pairs[at + 1] ?? null)
    }
  }

  pops(count: number): Value[] {
    return Array.from({ length: count }, () => this.pop()).reverse()
  }
}

const STOP = 0x2e

/** By their bytes in a pickle of protocol 2. */
const operations: Readonly<Record<number, (on: Unpickler, file: Cursor) => void>> = {
  // PROTO
  0x80(_, file) {
    const protocol = file.byte()
    if (protocol !== 2) throw refused(`it is a pickle of protocol ${protocol}`)
  },
  // NONE, NEWTRUE, NEWFALSE
  0x4e: (on) => on.push(null),
  0x88: (on) => on.push(true),
  0x89: (on) => on.push(false),
  // BININT, BININT1, BININT2
  0x4a: (on, file) => on.push(file.int32()),
  0x4b: (on, file) => on.push(file.byte()),
  0x4d: (on, file) => on.push(file.uint16()),
  // LONG1: only the magic number needs it
  0x8a: (on, file) => on.push(Buffer.from(file.take(file.byte())).toString('hex')),
  // BINUNICODE
  0x58: (on, file) => on.push(file.text(file.uint32())),
  // EMPTY_DICT, EMPTY_LIST, EMPTY_TUPLE
  0x7d: (on) => on.push(new Map()),
  0x5d: (on) => on.push([]),
  0x29: (on) => on.push([]),
  // MARK, TUPLE, TUPLE1, TUPLE2, TUPLE3
  0x28: (on) => on.mark(),
  0x74: (on) => on.push(on.marked()),
  0x85: (on) => on.push(on.pops(1)),
  0x86: (on) => on.push(on.pops(2)),
  0x87: (on) => on.push(on.pops(3)),
  // APPEND, APPENDS, SETITEM, SETITEMS
  0x61(on) {
    const value = on.pop()
    on.list().push(value)
  },
  0x65(on) {
    const values = on.marked()
    const list = on.list()
    for (const value of values) list.push(value)
  },
  0x73: (on) => {
    const pair = on.pops(2)
    on.set(pair)
  },
  0x75: (on) => {
    const pairs = on.marked()
    on.set(pairs)
  },
  // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
  0x71: (on, file) => on.remember(file.byte()),
  0x72: (on, file) => on.remember(file.uint32()),
  0x68: (on, file) => on.recall(file.byte()),
  0x6a: (on, file) => on.recall(file.uint32()),
  // GLOBAL
  0x63(on, file) {
    const name = `${file.line()} ${file.line()}`
    if (!names.includes(name)) throw refused(`it names ${visible(name)}`)
    on.push(new Name(name))
  },
  // BINPERSID
  0x51(on, file) {
    const storage = storageOf(on.pop())
    const known = file.storages.get(storage.key)
    if (
      known !== undefined &&
      (known.numbers !== storage.numbers || known.isFloat !== storage.isFloat)
    )
      throw refused('a storage has two sizes')
    file.storages.set(storage.key, storage)
    on.push(new StorageName(storage))
  },
  // REDUCE
  0x52(on) {
    const [called, given] = on.pops(2)
    if (!(called instanceof Name) || !Array.isArray(given)) throw refused('it calls no function')
    on.push(made(called.name, given))
  },
  // BUILD: attributes of the table, such as the versions of its modules, say nothing about tensors
  0x62(on) {
    on.pop()
    if (!(on.top() instanceof Map)) throw refused('it sets attributes of what is no table')
  },
}

function made(name: string, given: readonly Value[]): Value {
  if (name === ORDERED_DICT && given.length === 0) return new Map<string, Value>()
  const [stored, offset, shape, strides] = given
  if (name === REBUILD && stored instanceof StorageName && isSize(offset))
    if (isSizes(shape) && isSizes(strides) && shape.length === strides.length)
      return new StoredView(stored.storage, offset, [...shape], [...strides])
  throw refused(`it calls ${name} in another way`)
}

function storageOf(id: Value): Storage {
  const [what, type, key, , numbers, view] = Array.isArray(id) ? id : []
  const isStorage = type instanceof Name && type.name.endsWith('Storage') && view === null
  if (what !== 'storage' || !isStorage || typeof key !== 'string' || !isSize(numbers))
    throw refused('it refers to something outside that is no storage')
  return { key, numbers, isFloat: type.name === FLOATS }
}

function isSize(value: Value | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isSizes(value: Value | undefined): value is number[] {
  return Array.isArray(value) && value.length <= 8 && value.every(isSize)
}

/** The bytes of each storage, in the order of their keys. */
function bytesOf(
  file: Cursor,
  keys: Value,
  storages: ReadonlyMap<string, Storage>,
): ReadonlyMap<string, Uint8Array> {
  if (!Array.isArray(keys)) throw refused('it has no list of storages')
  const found = new Map<string, Uint8Array>()
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (storage === undefined) throw refused('it has a storage of no tensor')
    if (file.int64() !== BigInt(storage.numbers)) throw refused('a storage has another size')
    found.set(storage.key, file.take(storage.numbers * (storage.isFloat ? 4 : 8)))
  }
  return found
}

/** Row-major, whatever its strides are: a turned matrix is stored as it was before. */
function gathered(name: string, view: StoredView, data: ReadonlyMap<string, Uint8Array>): Tensor {
  const { storage, offset, shape, strides } = view
  const bytes = data.get(storage.key)
  if (bytes === undefined) throw refused(`the numbers of ${name} are missing`)
  const size = shape.reduce((product, each) => product * each, 1)
  const last = shape.reduce((sum, each, axis) => sum + (each - 1) * (strides[axis] ?? 0), offset)
  // More numbers than are stored would be the same ones many times over.
  if (size > storage.numbers || (size > 0 && last >= storage.numbers))
    throw refused(`${name} reaches beyond its numbers`)
  const numbers = new Float32Array(new Uint8Array(bytes).buffer)
  const out = new Float32Array(size)
  const index = shape.map(() => 0)
  let from = offset
  for (let at = 0; at < size; at += 1) {
    out[at] = numbers[from] ?? 0
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      const [length, stride] = [shape[axis] ?? 1, strides[axis] ?? 0]
      index[axis] = (index[axis] ?? 0) + 1
      from += stride
      if ((index[axis] ?? 0) < length) break
      from -= length * stride
      index[axis] = 0
    }
  }
  return { shape, data: out }
}

function shownCode(code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}

function visible(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}

function refused(why: string): Error {
  return failure('PICKLE_REFUSED', `the file of weights is refused: ${why}`)
}
