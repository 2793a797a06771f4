/** A value on the tape of the plain engine: numbers in the memory of its kernels. */
import { floats, kernels, take } from './wasm/memory.ts'

export class PlainValue {
  readonly shape: readonly number[]
  /** Its address, in bytes. */
  readonly at: number
  readonly size: number
  /** A number without a gradient is fixed: nothing flows back to it. */
  readonly fixed: boolean
  /** Present once a gradient has reached it. */
  gradientAt: number | undefined
  #data: Float32Array | undefined
  #gradient: Float32Array | undefined

  constructor(shape: readonly number[], fixed: boolean, at?: number) {
    this.shape = shape
    this.fixed = fixed
    this.size = sizeOf(shape)
    this.at = at ?? take(this.size)
  }

  get data(): Float32Array {
    return (this.#data ??= floats(this.at, this.size))
  }

  get gradient(): Float32Array | undefined {
    if (this.gradientAt !== undefined) this.#gradient ??= floats(this.gradientAt, this.size)
    return this.#gradient
  }
}

/** Runs `forward` now and with every repetition of the tape, and notes how the gradient of `value` flows back to its inputs. */
export type Note = (
  value: PlainValue,
  forward: () => void,
  back: (gradientAt: number) => void,
) => void

/** Thrown by an operation that only an engine supports. */
export class NotPlain extends Error {}

/** The address of its gradient, which is 0 when nothing has reached it yet. */
export function gradientIn(value: PlainValue): number {
  if (value.gradientAt === undefined) {
    value.gradientAt = take(value.size)
    kernels.zero(value.gradientAt, 4 * value.size)
  }
  return value.gradientAt
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
