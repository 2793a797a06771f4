/** A value of the tape of plain operations, and what every operation does with it. */

/** A number that no slope is wanted of is `fixed`: what is computed from such alone is never noted. */
export interface PlainValue {
  readonly shape: readonly number[]
  readonly data: Float32Array
  readonly fixed: boolean
  /** There once something has flowed back into it. */
  slope?: Float32Array
}

/** Notes how the slope of a value goes back to what it was made from. */
export type Note = (value: PlainValue, back: (slope: Float32Array) => void) => void

/** Thrown by an operation that only an engine has. */
export class NotPlain extends Error {}

export function slopeIn(value: PlainValue): Float32Array {
  return (value.slope ??= new Float32Array(value.data.length))
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
