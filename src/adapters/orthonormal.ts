/**
 * The nearest matrix with orthonormal columns: the polar factor X·(XᵀX)^(−½), by Newton–Schulz iteration.
 *
 *   X ← X·(3·I − XᵀX) / 2      X [rows, columns], scaled so that no singular value is above 1
 *
 * The nearest one, unlike Gram–Schmidt: a step along the columns themselves leaves it unchanged, so this is gradient
 * descent among such matrices. Applied to normal random numbers it is uniform among them.
 *
 * Björck & Bowie (1971), "An iterative algorithm for computing the best estimate of an orthogonal matrix", SIAM J.
 * Numer. Anal. 8(2); Absil & Malick (2012), "Projection-like retractions on matrix manifolds", SIAM J. Optim. 22(1).
 */
import type { Tensor } from '../contracts/core.ts'

/** A singular value grows by half in each iteration, so that all but the smallest reach 1. */
const MOST_ITERATIONS = 64
/** Largest allowed difference between an element of XᵀX and of I, in double precision. */
const NEAR = 1e-12

export function orthonormal({ shape, data }: Tensor): Tensor {
  const [rows = 0, columns = 0] = shape
  const x = Float64Array.from(data)
  let gram = gramOf(x, rows, columns)
  const size = Math.sqrt(longestRow(gram, columns))
  // Orthonormal up to float32 already: scaling would only make it worse.
  if (size > 1.1) {
    for (let at = 0; at < x.length; at += 1) x[at] = (x[at] ?? 0) / size
    gram = gramOf(x, rows, columns)
  }
  for (let times = 0; times < MOST_ITERATIONS && distance(gram, columns) > NEAR; times += 1) {
    improve(x, gram, rows, columns)
    gram = gramOf(x, rows, columns)
  }
  return { shape: [...shape], data: Float32Array.from(x) }
}

/** XᵀX. */
function gramOf(x: Float64Array, rows: number, columns: number): Float64Array {
  const gram = new Float64Array(columns * columns)
  for (let row = 0; row < rows; row += 1)
    for (let i = 0; i < columns; i += 1) {
      const factor = x[row * columns + i] ?? 0
      for (let j = 0; j < columns; j += 1)
        gram[i * columns + j] = (gram[i * columns + j] ?? 0) + factor * (x[row * columns + j] ?? 0)
    }
  return gram
}

function improve(x: Float64Array, gram: Float64Array, rows: number, columns: number): void {
  const old = new Float64Array(columns)
  for (let row = 0; row < rows; row += 1) {
    old.set(x.subarray(row * columns, (row + 1) * columns))
    for (let j = 0; j < columns; j += 1) {
      let along = 0
      for (let i = 0; i < columns; i += 1) along += (old[i] ?? 0) * (gram[i * columns + j] ?? 0)
      x[row * columns + j] = (3 * (old[j] ?? 0) - along) / 2
    }
  }
}

/** An upper bound of the largest eigenvalue. */
function longestRow(gram: Float64Array, columns: number): number {
  let longest = 0
  for (let i = 0; i < columns; i += 1) {
    let sum = 0
    for (let j = 0; j < columns; j += 1) sum += Math.abs(gram[i * columns + j] ?? 0)
    longest = Math.max(longest, sum)
  }
  return longest
}

function distance(gram: Float64Array, columns: number): number {
  let far = 0
  for (let at = 0; at < gram.length; at += 1)
    far = Math.max(far, Math.abs((gram[at] ?? 0) - (at % (columns + 1) === 0 ? 1 : 0)))
  return far
}
