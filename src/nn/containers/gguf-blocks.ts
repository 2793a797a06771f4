/**
 * How GGUF stores numbers: plain ones, and blocks of 32 with a scale in half precision.
 *
 *   Q4_0   d, 16 bytes of nibbles       x = d · (q − 8)
 *   Q4_1   d, m, 16 bytes of nibbles    x = d · q + m
 *   Q8_0   d, 32 signed bytes           x = d · q
 *
 * The low nibbles are the first half of a block, the high ones the second.
 *
 * https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
 */
import { fromFloat16 } from './floats.ts'

const BLOCK = 32

interface Storage {
  readonly name: string
  readonly values: number
  readonly bytes: number
  /** Writes one block at `to`. */
  read(view: DataView, at: number, to: Float32Array, first: number): void
}

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
    read: (view, at, to, first) => (to[first] = half(view, at)),
  },
  2: {
    name: 'Q4_0',
    values: BLOCK,
    bytes: 18,
    read(view, at, to, first) {
      const d = half(view, at)
      nibbles(view, at + 2, to, first, d, -8 * d)
    },
  },
  3: {
    name: 'Q4_1',
    values: BLOCK,
    bytes: 20,
    read: (view, at, to, first) => {
      nibbles(view, at + 4, to, first, half(view, at), half(view, at + 2))
    },
  },
  8: {
    name: 'Q8_0',
    values: BLOCK,
    bytes: 34,
    read(view, at, to, first) {
      const d = half(view, at)
      for (let index = 0; index < BLOCK; index += 1)
        to[first + index] = d * view.getInt8(at + 2 + index)
    },
  },
} as const satisfies Readonly<Record<number, Storage>>

export type GgufStorage = keyof typeof storages

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

function half(view: DataView, at: number): number {
  return fromFloat16(view.getUint16(at, true))
}

function nibbles(
  view: DataView,
  at: number,
  to: Float32Array,
  first: number,
  scale: number,
  offset: number,
): void {
  for (let index = 0; index < BLOCK / 2; index += 1) {
    const pair = view.getUint8(at + index)
    to[first + index] = scale * (pair & 15) + offset
    to[first + BLOCK / 2 + index] = scale * (pair >> 4) + offset
  }
}
