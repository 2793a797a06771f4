/**
 * Converts stored numbers to float32, the only kind that networks here compute with. Half precisions widen without
 * loss.
 */
import type { Tensor } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { StoredTensor } from './safetensors.ts'

/** Its numbers are made of the stored ones at each call, and not kept: one tensor of a large model is in memory at a time. */
export class StoredNumbers implements Tensor {
  readonly shape: readonly number[]
  readonly #widened: () => Tensor

  constructor(shape: readonly number[], widened: () => Tensor) {
    this.shape = shape
    this.#widened = widened
  }

  get data(): Float32Array {
    return this.#widened().data
  }
}

export function toFloat32({ dtype, shape, data }: StoredTensor, name: string): Tensor {
  // A view may be unaligned, and must not keep all that it is a view of alive.
  const { buffer } = data.byteLength === data.buffer.byteLength ? data : new Uint8Array(data)
  if (dtype === 'F32') return { shape, data: new Float32Array(buffer) }
  if (dtype === 'BF16') return { shape, data: fromBfloat16(new Uint16Array(buffer)) }
  if (dtype === 'F16') return { shape, data: fromHalves(new Uint16Array(buffer)) }
  throw failure('BASE_UNSUPPORTED', `${name} is stored as ${dtype}, not as F32, F16 or BF16`, {
    details: { tensor: name, dtype },
  })
}

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  // A tenth of the time of an iterator.
  for (let at = 0; at < bits.length; at += 1) bits[at] = (halves[at] ?? 0) << 16
  return new Float32Array(bits.buffer)
}

/** IEEE 754 binary16. */
export function fromFloat16(half: number): number {
  return allHalves()[half] ?? NaN
}

/** The same in little-endian bytes. */
export function halfAt(view: DataView, at: number): number {
  return fromFloat16(view.getUint16(at, true))
}

/** False if one is NaN or infinite: a sum of float32 in double precision is finite otherwise. */
export function areFinite(data: Float32Array): boolean {
  let sum = 0
  // A tenth of the time of an iterator.
  for (let at = data.length - 1; at >= 0; at -= 1) sum += data[at] ?? NaN
  return Number.isFinite(sum)
}

/**
 * Numbers in half precision (IEEE 754 binary16), rounded to the nearest, ties to even. Activations of a row take half of the
 * memory so.
 */
const LARGEST = 65504
const asFloat = new Float32Array(1)
const asBits = new Uint32Array(asFloat.buffer)

/** Undefined if a number is too large, or not finite. */
export function toHalves(values: Float32Array): Uint16Array | undefined {
  const halves = new Uint16Array(values.length)
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at] ?? 0
    if (!(Math.abs(value) <= LARGEST)) return undefined
    halves[at] = toHalf(value)
  }
  return halves
}

export function fromHalves(halves: Uint16Array): Float32Array {
  const widened = allHalves()
  const values = new Float32Array(halves.length)
  for (let at = 0; at < halves.length; at += 1) values[at] = widened[halves[at] ?? 0] ?? 0
  return values
}

function toHalf(value: number): number {
  asFloat[0] = value
  const bits = asBits[0] ?? 0
  const sign = (bits >>> 16) & 0x8000
  const size = bits & 0x7fffffff
  // Below 2⁻¹⁴ steps are 2⁻²⁴ wide: a sum with 2⁻¹ rounds to them.
  if (size < 0x38800000) {
    asFloat[0] = Math.abs(value) + 0.5
    return sign | ((asBits[0] ?? 0) - 0x3f000000)
  }
  const isOdd = (size >>> 13) & 1
  return sign | ((size - 0x38000000 + 0xfff + isOdd) >>> 13)
}

let table: Float32Array | undefined

/** The values of all half-precision numbers: a look-up takes a tenth of the time. */
function allHalves(): Float32Array {
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => widened(half))
  return table
}

/** 1 sign, 5 exponent, 10 fraction bits. */
function widened(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** In tiles, so that both sides stay in the processor's cache. */
export function transposed({ shape, data }: Tensor): Tensor {
  const [rows = 0, columns = 0] = shape
  const turned = new Float32Array(data.length)
  const tile = 32
  for (let top = 0; top < rows; top += tile)
    for (let left = 0; left < columns; left += tile)
      for (let row = top; row < Math.min(top + tile, rows); row += 1)
        for (let column = left; column < Math.min(left + tile, columns); column += 1)
          turned[column * rows + row] = data[row * columns + column] ?? NaN
  return { shape: [columns, rows], data: turned }
}
