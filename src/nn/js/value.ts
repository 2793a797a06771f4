/** A value on the tape of the plain engine: numbers in the memory of its kernels. */
import { type Arena, floats } from './wasm/memory.ts'

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

  constructor(shape: readonly number[], fixed: boolean, at: number) {
    this.shape = shape
    this.fixed = fixed
    this.size = sizeOf(shape)
    this.at = at
  }

  get data(): Float32Array {
    return (this.#data ??= floats(this.at, this.size))
  }

  get gradient(): Float32Array | undefined {
    if (this.gradientAt !== undefined) this.#gradient ??= floats(this.gradientAt, this.size)
    return this.#gradient
  }
}

/** The part of its tape that an operation needs. */
export interface Recorder {
  readonly arena: Arena
  value(shape: readonly number[], fixed: boolean): PlainValue
  /** Runs `forward` now and with every repetition of the tape, and notes how the gradient of `value` flows back to its inputs. */
  note(value: PlainValue, forward: () => void, back: (gradientAt: number) => void): void
  /** The address of its gradient, which is 0 when nothing has reached it yet: what flows back is added to it. */
  gradientIn(value: PlainValue): number
  /**
   * The same for a product: one that reaches the value first writes its gradient over whatever was there. `isFirst` is asked
   * in each repetition.
   */
  gradientOver(value: PlainValue): { readonly at: number; isFirst(): boolean }
}

/** Thrown by an operation that only an engine supports. */
export class NotPlain extends Error {}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}
