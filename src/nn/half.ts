/**
 * Numbers in half precision (IEEE 754 binary16), rounded to the nearest, ties to even. Activations of a row take half of the
 * memory so.
 */
import { fromFloat16 } from './containers/floats.ts'

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
  table ??= Float32Array.from({ length: 2 ** 16 }, (_, half) => fromFloat16(half))
  return table
}
