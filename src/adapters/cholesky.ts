/**
 * Solves A·X = B for a symmetric positive A: A = L·Lᵀ, then forward and back through L.
 *
 * In double precision and plain loops, because a head is solved for once a version and must give the same bits on
 * every run. Triangles are packed row by row, and every inner loop runs along a row, four rows at a time.
 *
 * Golub & Van Loan (2013), "Matrix Computations", 4.2.5 and 3.1.
 */
import { invariant } from '../runtime/errors.ts'

/** The lower triangle of A [size, size], row by row, is overwritten with L; each of the `rows` of B [rows, size] with its X. */
export function solve(triangle: Float64Array, size: number, rows: Float64Array): void {
  invariant(triangle.length === startOf(size), `a triangle of ${size} rows`)
  factorize(triangle, size)
  for (let at = 0; at < rows.length; at += size) {
    const row = rows.subarray(at, at + size)
    forward(triangle, size, row)
    back(triangle, size, row)
  }
}

/** Where row `row` of a packed triangle begins. */
export function startOf(row: number): number {
  return (row * (row + 1)) / 2
}

/**
 * Below this part of its diagonal a pivot is rounding, not signal: what is left of a direction that others explain
 * already. It is raised to it, which shuts the direction off.
 */
const ROUNDING = 1e-12

function factorize(triangle: Float64Array, size: number): void {
  for (let from = 0; from < size; from += 4) {
    const to = Math.min(from + 4, size)
    if (to - from === 4) fourRows(triangle, from)
    for (let row = from; row < to; row += 1) oneRow(triangle, row, to - from === 4 ? from : 0)
  }
}

/** Columns [0, first) of rows first … first + 3, whose rows above are done. */
function fourRows(triangle: Float64Array, first: number): void {
  const [r0, r1, r2, r3] = [
    startOf(first),
    startOf(first + 1),
    startOf(first + 2),
    startOf(first + 3),
  ]
  for (let column = 0; column < first; column += 1) {
    const above = startOf(column)
    let [s0, s1, s2, s3] = [0, 0, 0, 0]
    for (let k = 0; k < column; k += 1) {
      const value = triangle[above + k] ?? 0
      s0 += (triangle[r0 + k] ?? 0) * value
      s1 += (triangle[r1 + k] ?? 0) * value
      s2 += (triangle[r2 + k] ?? 0) * value
      s3 += (triangle[r3 + k] ?? 0) * value
    }
    const pivot = triangle[above + column] ?? 1
    triangle[r0 + column] = ((triangle[r0 + column] ?? 0) - s0) / pivot
    triangle[r1 + column] = ((triangle[r1 + column] ?? 0) - s1) / pivot
    triangle[r2 + column] = ((triangle[r2 + column] ?? 0) - s2) / pivot
    triangle[r3 + column] = ((triangle[r3 + column] ?? 0) - s3) / pivot
  }
}

/** Columns from `first` on, and the pivot. */
function oneRow(triangle: Float64Array, row: number, first: number): void {
  const start = startOf(row)
  for (let column = first; column < row; column += 1) {
    const above = startOf(column)
    const sum = dot(triangle, start, triangle, above, column)
    triangle[start + column] =
      ((triangle[start + column] ?? 0) - sum) / (triangle[above + column] ?? 1)
  }
  const diagonal = triangle[start + row] ?? 0
  const left = diagonal - dot(triangle, start, triangle, start, row)
  triangle[start + row] = Math.sqrt(Math.max(left, diagonal * ROUNDING, Number.MIN_VALUE))
}

/** L·y = b in place. */
function forward(triangle: Float64Array, size: number, row: Float64Array): void {
  for (let at = 0; at < size; at += 1) {
    const start = startOf(at)
    const sum = dot(triangle, start, row, 0, at)
    row[at] = ((row[at] ?? 0) - sum) / (triangle[start + at] ?? 1)
  }
}

/** Lᵀ·x = y in place: each x that is found is taken out of those before it, along its row. */
function back(triangle: Float64Array, size: number, row: Float64Array): void {
  for (let at = size - 1; at >= 0; at -= 1) {
    const start = startOf(at)
    const found = (row[at] ?? 0) / (triangle[start + at] ?? 1)
    row[at] = found
    for (let k = 0; k < at; k += 1) row[k] = (row[k] ?? 0) - found * (triangle[start + k] ?? 0)
  }
}

/** Four sums side by side, which a processor adds at once. */
function dot(a: Float64Array, atA: number, b: Float64Array, atB: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let k = 0
  for (; k + 3 < length; k += 4) {
    s0 += (a[atA + k] ?? 0) * (b[atB + k] ?? 0)
    s1 += (a[atA + k + 1] ?? 0) * (b[atB + k + 1] ?? 0)
    s2 += (a[atA + k + 2] ?? 0) * (b[atB + k + 2] ?? 0)
    s3 += (a[atA + k + 3] ?? 0) * (b[atB + k + 3] ?? 0)
  }
  for (; k < length; k += 1) s0 += (a[atA + k] ?? 0) * (b[atB + k] ?? 0)
  return s0 + s1 + (s2 + s3)
}
