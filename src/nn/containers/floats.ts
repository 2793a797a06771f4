/**
 * Converts stored numbers to float32, the only kind that networks here compute with. Half precisions widen without
 * loss.
 */
import type { Tensor } from '../../contracts/core.ts'
import { failure } from '../../platform/errors.ts'
import type { StoredTensor } from './safetensors.ts'

export function toFloat32({ dtype, shape, data }: StoredTensor, name: string): Tensor {
  // A separate copy: the view may be unaligned, and must not keep the whole file alive.
  const { buffer } = new Uint8Array(data)
  if (dtype === 'F32') return { shape, data: new Float32Array(buffer) }
  if (dtype === 'BF16') return { shape, data: fromBfloat16(new Uint16Array(buffer)) }
  if (dtype === 'F16') return { shape, data: fromFloat16s(new Uint16Array(buffer)) }
  throw failure('BASE_UNSUPPORTED', `${name} is stored as ${dtype}, not as F32, F16 or BF16`, {
    details: { tensor: name, dtype },
  })
}

function fromFloat16s(halves: Uint16Array): Float32Array {
  allFloat16 ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromFloat16(half))
  const data = new Float32Array(halves.length)
  for (let at = 0; at < halves.length; at += 1) data[at] = allFloat16[halves[at] ?? 0] ?? 0
  return data
}

/** The value of each half. */
let allFloat16: Float32Array | undefined

/** bfloat16 is the upper half of a float32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length)
  for (const [index, half] of halves.entries()) bits[index] = half << 16
  return new Float32Array(bits.buffer)
}

/** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
