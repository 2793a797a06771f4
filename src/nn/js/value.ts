/** A value on the tape of the plain engine, and its operations. */

/** A number without a gradient is `fixed`: results computed only from fixed numbers are never recorded. */
export interface PlainValue {
  readonly shape: readonly number[]
  readonly data: Float32Array
  readonly fixed: boolean
  /** Present once a gradient has reached it. */
  gradient?: Float32Array
}

/** Records how the gradient of a value flows back to its inputs. */
export type Note = (value: PlainValue, back: (gradient: Float32Array) => void) => void

/** Thrown by an operation that only an engine supports. */
export class NotPlain extends Error {}

export function gradientIn(value: PlainValue): Float32Array {
  return (value.gradient ??= new Float32Array(value.data.length))
}

/** to[i] += factor · from[i] over a stretch of each. */
export function addScaled(
  to: Float32Array,
  toAt: number,
  from: Float32Array,
  fromAt: number,
  length: number,
  factor: number,
): void {
  for (let at = 0; at < length; at += 1)
    to[toAt + at] = (to[toAt + at] ?? 0) + factor * (from[fromAt + at] ?? 0)
}
