/**
 * How GGUF stores numbers: plain ones, and blocks of 32 with a scale in half precision; blocks of 256 are in gguf-superblocks.ts.
 *
 *   Q4_0, Q5_0   x = d · (q − 8), d · (q − 16)
 *   Q4_1, Q5_1   x = d · q + m
 *   Q8_0         x = d · q, signed
 *   IQ4_NL       x = d · steps[q]
 *
 * The low nibbles are the first half of a block, the high ones the second.
 *
 * https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
 */
import { halfAt } from './floats.ts'
import { superblocks, unevenNibbles, type Storage } from './gguf-superblocks.ts'

const BLOCK = 32
const HALF = BLOCK / 2

const storages = {
  0: {
    name: 'F32',
    values: 1,
    bytes: 4,
    read: (view, at, to, first) => (to[first] = view.getFloat32(at, true)),
  },
  1: {
    name: 'F16',
    values: 1,
    bytes: 2,
    read: (view, at, to, first) => (to[first] = halfAt(view, at)),
  },
  30: {
    name: 'BF16',
    values: 1,
    bytes: 2,
    read(view, at, to, first) {
      widened.setUint32(0, view.getUint16(at, true) << 16)
      to[first] = widened.getFloat32(0)
    },
  },
  2: centred('Q4_0', 18, nibbles, 8),
  3: shifted('Q4_1', 20, nibbles),
  6: centred('Q5_0', 22, fiveBits, 16),
  7: shifted('Q5_1', 24, fiveBits),
  8: {
    name: 'Q8_0',
    values: BLOCK,
    bytes: 34,
    read(view, at, to, first) {
      const d = halfAt(view, at)
      for (let index = 0; index < BLOCK; index += 1)
        to[first + index] = d * view.getInt8(at + 2 + index)
    },
  },
  20: {
    name: 'IQ4_NL',
    values: BLOCK,
    bytes: 18,
    read: (view, at, to, first) => unevenNibbles(view, at + 2, to, first, halfAt(view, at)),
  },
  ...superblocks,
} as const satisfies Readonly<Record<number, Storage>>

type ReadSteps = typeof nibbles

/** x = d · (q − middle). */
function centred(name: string, bytes: number, readSteps: ReadSteps, middle: number): Storage {
  return {
    ...{ name, values: BLOCK, bytes },
    read(view, at, to, first) {
      const d = halfAt(view, at)
      readSteps(view, at + 2, to, first, d, -middle * d)
    },
  }
}

/** x = d · q + m. */
function shifted(name: string, bytes: number, readSteps: ReadSteps): Storage {
  return {
    ...{ name, values: BLOCK, bytes },
    read: (view, at, to, first) => {
      readSteps(view, at + 4, to, first, halfAt(view, at), halfAt(view, at + 2))
    },
  }
}

export type GgufStorage = keyof typeof storages

export const storageNames = Object.values(storages).map(({ name }) => name)

export function isStorage(type: number): type is GgufStorage {
  return Object.hasOwn(storages, type)
}

/** Undefined if the last axis is not made of whole blocks. */
export function storedBytes(storage: GgufStorage, shape: readonly number[]): number | undefined {
  const { values, bytes } = storages[storage]
  const numbers = shape.reduce((product, size) => product * size, 1)
  if ((shape.at(-1) ?? 0) % values !== 0 || !Number.isSafeInteger(numbers)) return undefined
  return (numbers / values) * bytes
}

/** Row-major float32, as wide as the network computes. */
export function dequantized(storage: GgufStorage, data: Uint8Array): Float32Array {
  const of: Storage = storages[storage]
  const { values, bytes } = of
  const blocks = data.length / bytes
  const numbers = new Float32Array(blocks * values)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  for (let block = 0; block < blocks; block += 1)
    of.read(view, block * bytes, numbers, block * values)
  return numbers
}

const widened = new DataView(new ArrayBuffer(4))

function nibbles(
  view: DataView,
  at: number,
  to: Float32Array,
  first: number,
  scale: number,
  offset: number,
): void {
  for (let index = 0; index < HALF; index += 1) {
    const pair = view.getUint8(at + index)
    to[first + index] = scale * (pair & 15) + offset
    to[first + HALF + index] = scale * (pair >> 4) + offset
  }
}

/** The fifth bits of all numbers, then their nibbles. */
function fiveBits(
  view: DataView,
  at: number,
  to: Float32Array,
  first: number,
  scale: number,
  offset: number,
): void {
  const upper = view.getUint32(at, true)
  for (let index = 0; index < HALF; index += 1) {
    const pair = view.getUint8(at + 4 + index)
    const [low, high] = [(upper >>> index) & 1, (upper >>> (index + HALF)) & 1]
    to[first + index] = scale * ((pair & 15) | (low << 4)) + offset
    to[first + HALF + index] = scale * ((pair >> 4) | (high << 4)) + offset
  }
}
