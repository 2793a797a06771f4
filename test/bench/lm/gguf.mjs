/**
 * The same weights as GGUF files of other widths, for llama.cpp: float32, or 8 bits in blocks of 32 with a scale each. The metadata is
 * copied as it is; norms stay in float32. Written once into the cache of benches.
 */
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { dequantized } from '../../../dist/src/nn/containers/gguf-blocks.js'
import { openCursor } from '../../../dist/src/nn/containers/gguf.js'
import { readGguf } from '../../../dist/src/nn/containers/gguf.js'
import { userCache } from '../../../dist/src/platform/user-cache.js'

const ALIGNMENT = 32
const BLOCK = 32
const [TEXT, LIST] = [8, 9]
const F32 = { type: 0, bytes: (shape) => 4 * product(shape), write: (data) => bytesOf(data) }
const Q8_0 = { type: 8, bytes: (shape) => (product(shape) / BLOCK) * 34, write: inBlocks }
const widths = { f32: () => F32, q8_0: (shape) => (shape.length === 1 ? F32 : Q8_0) }

/** `width`: f32 or q8_0. Answers the path. */
export function ggufOf(source, width) {
  const path = join(userCache(), 'bench', `smollm2.${width}.gguf`)
  if (existsSync(path)) return path
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(`${path}.work`, 'w')
  write(file, readFileSync(source), widths[width])
  closeSync(file)
  renameSync(`${path}.work`, path)
  return path
}

function write(file, bytes, widthOf) {
  const tensors = [...readGguf(bytes).tensors]
  let offset = 0
  const entries = tensors.map(([name, { shape }]) => {
    const width = widthOf(shape)
    const entry = entryOf(name, shape, width.type, offset)
    offset = aligned(offset + width.bytes(shape))
    return entry
  })
  const header = Buffer.concat([bytes.subarray(0, metadataEnd(bytes)), ...entries])
  writeSync(file, padded(header))
  for (const [, { storage, shape, data }] of tensors)
    writeSync(file, padded(widthOf(shape).write(dequantized(storage, data))))
}

/** Where the table of tensors begins. */
function metadataEnd(bytes) {
  const cursor = openCursor(bytes)
  const skip = (type) => {
    if (type === TEXT) cursor.text('a value')
    else if (type === LIST) {
      const of = cursor.integer(4)
      for (let left = cursor.count('a list'); left > 0; left -= 1) skip(of)
    } else cursor.scalar(type, 'a value')
  }
  cursor.integer(4)
  cursor.integer(4)
  cursor.count('tensors')
  for (let left = cursor.count('values'); left > 0; left -= 1) {
    cursor.text('a key')
    skip(cursor.integer(4))
  }
  return cursor.at()
}

function entryOf(name, shape, type, offset) {
  const [title, sizes] = [Buffer.from(name), [...shape].reverse()]
  const entry = Buffer.alloc(8 + title.length + 4 + 8 * sizes.length + 12)
  entry.writeBigUInt64LE(BigInt(title.length), 0)
  title.copy(entry, 8)
  let at = entry.writeUInt32LE(sizes.length, 8 + title.length)
  for (const size of sizes) at = entry.writeBigUInt64LE(BigInt(size), at)
  at = entry.writeUInt32LE(type, at)
  entry.writeBigUInt64LE(BigInt(offset), at)
  return entry
}

/** Each block: its scale, max |x| / 127, in half precision, then 32 steps. */
function inBlocks(data) {
  const blocks = data.length / BLOCK
  const out = Buffer.alloc(blocks * 34)
  for (let block = 0; block < blocks; block += 1) {
    const values = data.subarray(block * BLOCK, (block + 1) * BLOCK)
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
    out.writeUInt16LE(halfOf(scale), block * 34)
    for (const [at, value] of values.entries())
      out.writeInt8(scale > 0 ? Math.round(value / scale) : 0, block * 34 + 2 + at)
  }
  return out
}

/** IEEE 754 binary16 of a number from 0 to 65504, rounded. */
function halfOf(value) {
  if (value < 2 ** -14) return Math.round(value * 2 ** 24)
  const exponent = Math.floor(Math.log2(value))
  return ((exponent + 15) << 10) + Math.round((value / 2 ** exponent - 1) * 1024)
}

const product = (shape) => shape.reduce((all, size) => all * size, 1)
const aligned = (size) => Math.ceil(size / ALIGNMENT) * ALIGNMENT
const bytesOf = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)
const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(aligned(bytes.length) - bytes.length)])
