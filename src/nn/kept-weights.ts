/**
 * The numbers of a large base in a file of the user's cache. ONNX Runtime maps it: sessions read what they do not pack for
 * themselves from pages that all processes share, and JavaScript holds none of it. Without such a file, on a disk that is full or
 * may not be written to, the same numbers stay in memory.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Tensor, Tensors } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import { isLeftover, temporaryPath } from '../platform/store/atomic-file.ts'
import { userCache } from '../platform/user-cache.ts'
import { BlockTable } from './block-table.ts'
import { MOST_AT_ONCE, readInto } from './containers/stored-bytes.ts'
import { sizeOf } from './js/tape.ts'

/** Bytes of numbers from which on a base is kept in a file. */
const LEAST = 64 * 2 ** 20
/** What a system maps begins at a page. */
const PAGE = 4096
const CHUNK = 4 * 2 ** 20

/** Models name their weights by the file in it. */
export function weightFolder(): string {
  return join(userCache(), 'weights')
}

/** The same tensors by the same names. `hash`: the base's, which the file is named by. */
export function keptWeights(weights: Tensors, hash: string): Tensors {
  const parts = partsOf(weights)
  const end = endOf(parts)
  try {
    if (end < LEAST) return inMemory(weights)
    const file = openKept(join(weightFolder(), `${hash}.bin`), parts, end)
    const kept = parts.map(({ name, tensor, offset }): [string, Tensor] => {
      return [name, new KeptTensor(tensor.shape, offset, file)]
    })
    return new Map([...weights, ...kept])
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return inMemory(weights)
    throw error
  }
}

/** Whether a file should hold them, and none does. */
export function areUnkept(weights: Tensors): boolean {
  const tensors = [...weights.values()]
  return !tensors.some((each) => each instanceof KeptTensor) && endOf(partsOf(weights)) >= LEAST
}

function inMemory(weights: Tensors): Tensors {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const { shape } = tensor
      return [name, tensor instanceof BlockTable ? tensor : { shape, data: tensor.data }]
    }),
  )
}

/** Its numbers are read at each call, and not kept. */
export class KeptTensor implements Tensor {
  readonly shape: readonly number[]
  readonly offset: number
  readonly file: WeightFile

  constructor(shape: readonly number[], offset: number, file: WeightFile) {
    this.shape = shape
    this.offset = offset
    this.file = file
  }

  get bytes(): number {
    return 4 * sizeOf(this.shape)
  }

  get data(): Float32Array {
    const data = new Float32Array(sizeOf(this.shape))
    this.file.read(new Uint8Array(data.buffer), this.offset)
    return data
  }
}

/** Open as long as the process runs, as bases are. */
class WeightFile {
  readonly path: string
  readonly #descriptor: number

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  get size(): number {
    return fstatSync(this.#descriptor).size
  }

  read(into: Uint8Array, offset: number): void {
    if (!readInto(into, this.#descriptor, offset))
      throw failure('BASE_MISSING', `${this.path} has become shorter`)
  }

  /** Before a session opens it by its name: a file that was deleted meanwhile is there again. */
  restore(): void {
    if (existsSync(this.path)) return
    const size = this.size
    written(this.path, (write) => {
      for (let from = 0; from < size; from += CHUNK) {
        const chunk = new Uint8Array(Math.min(CHUNK, size - from))
        this.read(chunk, from)
        write(chunk, from)
      }
    })
  }

  close(): void {
    closeSync(this.#descriptor)
  }
}

interface Part {
  readonly name: string
  readonly tensor: Tensor
  readonly offset: number
  readonly bytes: number
}

function partsOf(weights: Tensors): readonly Part[] {
  let offset = 0
  return [...weights.keys()].sort().flatMap((name) => {
    const tensor = weights.get(name)
    if (tensor === undefined || tensor instanceof BlockTable) return []
    const part = { name, tensor, offset, bytes: 4 * sizeOf(tensor.shape) }
    offset += Math.ceil(part.bytes / PAGE) * PAGE
    return [part]
  })
}

function endOf(parts: readonly Part[]): number {
  return parts.reduce((last, { offset, bytes }) => Math.max(last, offset + bytes), 0)
}

function bytesOf({ data: { buffer, byteOffset, byteLength } }: Tensor): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** One that is there is compared, whole, with what it should hold. */
function openKept(path: string, parts: readonly Part[], end: number): WeightFile {
  if (existsSync(path)) {
    const file = new WeightFile(path, openSync(path, 'r'))
    try {
      if (file.size === end && parts.every((part) => isHeld(file, part))) return file
    } catch (error) {
      file.close()
      throw error
    }
    file.close()
  }
  written(path, (write) => {
    for (const { tensor, offset } of parts) write(bytesOf(tensor), offset)
  })
  return new WeightFile(path, openSync(path, 'r'))
}

function isHeld(file: WeightFile, { tensor, offset }: Part): boolean {
  const bytes = bytesOf(tensor)
  const chunk = Buffer.alloc(Math.min(CHUNK, bytes.length))
  for (let from = 0; from < bytes.length; from += CHUNK) {
    const wanted = bytes.subarray(from, from + CHUNK)
    const found = chunk.subarray(0, wanted.length)
    file.read(found, offset + from)
    if (!found.equals(wanted)) return false
  }
  return true
}

type Write = (bytes: Uint8Array, offset: number) => void

/** Under another name until it is complete. What processes left behind that were killed over it is removed. */
function written(path: string, writeAll: (write: Write) => void): void {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true })
  for (const left of readdirSync(folder).map((name) => join(folder, name)))
    if (isLeftover(left)) rmSync(left, { force: true })
  const temporary = temporaryPath(path)
  const descriptor = openSync(temporary, 'w')
  try {
    writeAll((bytes, offset) => {
      for (let at = 0; at < bytes.length;) {
        const size = Math.min(MOST_AT_ONCE, bytes.length - at)
        at += writeSync(descriptor, bytes, at, size, offset + at)
      }
    })
    renameSync(temporary, path)
  } finally {
    closeSync(descriptor)
    rmSync(temporary, { force: true })
  }
}
