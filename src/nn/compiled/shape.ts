/**
 * Shapes of a graph that is recorded once for all sizes: a size is a number, or the name of one that each run brings, such as
 * the rows of its batch.
 */
export type Size = number | string
export type Shape = readonly Size[]

/** Thrown by an operation that the compiled engine does not have; the message says which, and why. */
export class NotCompilable extends Error {}

/** The shape of an elementwise result. A named size meets itself or 1. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const [one, other] = [sizeAt(a, axis - rank), sizeAt(b, axis - rank)]
    if (one === other || other === 1) return one
    if (one === 1) return other
    throw new NotCompilable(`shapes [${a.join()}] and [${b.join()}] do not go together`)
  })
}

/** The axes of `from` along which a gradient is summed to become one of `to`. */
export function summedAxes(from: Shape, to: Shape): readonly number[] {
  const more = from.length - to.length
  return [...from.keys()].filter(
    (axis) => axis < more || (to[axis - more] === 1 && from[axis] !== 1),
  )
}

export function isSame(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

export function lastOf(shape: Shape): Size {
  return sizeAt(shape, -1)
}

/** A size that must be known while the graph is recorded. */
export function fixedSize(size: Size, what: string): number {
  if (typeof size === 'number') return size
  throw new NotCompilable(`${what} has a size that differs between runs`)
}

/** Counted from the end; 1 in front of the first. */
function sizeAt(shape: Shape, axis: number): Size {
  return shape.at(axis) ?? 1
}
