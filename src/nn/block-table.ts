/**
 * A table of rows; a text reads a few of them: each block of 32 numbers is kept in steps of 4 bits and one scale, as it was stored, so
 * that it takes a sixth of the memory of its numbers. The serving engine widens the rows that it gathers; the numbers are the same.
 *
 *   x = d · (q − 8)      q from 0 to 15
 */
import type { Tensor } from '../contracts/core.ts'
import { invariant } from '../platform/errors.ts'
import { fromFloat16 } from './containers/floats.ts'

export const BLOCK = 32
/** Bytes of its steps. */
const HALF = BLOCK / 2
const STORED_BYTES = 2 + HALF

export class BlockTable implements Tensor {
  readonly shape: readonly [number, number]
  /** q − 8 as two's complement, two numbers a byte, the first one in the low half. */
  readonly steps: Uint8Array
  /** d of each block, [rows, width / 32]. */
  readonly scales: Float32Array

  constructor(shape: readonly [number, number], steps: Uint8Array, scales: Float32Array) {
    const [rows, width] = shape
    const blocks = (rows * width) / BLOCK
    invariant(width % BLOCK === 0, `rows of ${width} numbers are whole blocks`)
    invariant(steps.length === blocks * HALF, `a table of ${rows} × ${width} has as many steps`)
    invariant(scales.length === blocks, 'every block has a scale')
    this.shape = shape
    this.steps = steps
    this.scales = scales
  }

  /** Widened at each call, and not kept. */
  get data(): Float32Array {
    const data = new Float32Array(2 * this.steps.length)
    for (let at = 0; at < this.steps.length; at += 1) {
      const pair = this.steps[at] ?? 0
      const scale = this.scales[Math.floor(at / HALF)] ?? 0
      data[2 * at] = scale * ((pair << 28) >> 28)
      data[2 * at + 1] = scale * ((pair << 24) >> 28)
    }
    return data
  }
}

/** From Q4_0 (containers/gguf-blocks.ts): a scale in half precision, and 16 bytes with the first half of the block in their low halves. */
export function tableOfBlocks(shape: readonly [number, number], stored: Uint8Array): BlockTable {
  const count = stored.length / STORED_BYTES
  const scales = new Float32Array(count)
  const steps = new Uint8Array(count * HALF)
  for (let block = 0; block < count; block += 1) {
    const [from, to] = [block * STORED_BYTES, block * HALF]
    scales[block] = fromFloat16((stored[from] ?? 0) | ((stored[from + 1] ?? 0) << 8))
    for (let at = 0; at < HALF; at += 2) {
      const one = stored[from + 2 + at] ?? 0
      const next = stored[from + 3 + at] ?? 0
      // q − 8 of four bits is q with its upper bit turned.
      steps[to + at / 2] = ((one & 15) | ((next & 15) << 4)) ^ 0x88
      steps[to + HALF / 2 + at / 2] = ((one >> 4) | (next & 0xf0)) ^ 0x88
    }
  }
  return new BlockTable(shape, steps, scales)
}
