/**
 * Solves A·X = B for a symmetric positive A: A = L·Lᵀ, then forward and back substitution with L.
 *
 * Double precision and plain loops, because a head is solved once per version and must give the same bits on every run.
 * Triangles are packed row by row, every inner loop runs along a row, and rows go in blocks that fit the cache, so
 * everything above a block is read once.
 *
 * Golub & Van Loan (2013), "Matrix Computations", 4.2.5, 4.2.6 and 3.1.
 */
import { invariant } from '../../platform/errors.ts'
import type { ClassSums } from '../../contracts/adapter.ts'

const BLOCK = 32

/**
 * Overwrites the lower triangle of A [size, size], packed row by row, with L, and each of the `rows` of B [rows, size]
 * with its X.
 */
export function solve(triangle: Float64Array, size: number, rows: Float64Array): void {
  invariant(triangle.length === startOf(size), `a triangle of ${size} rows`)
  factorize(triangle, size)
  for (let from = 0; from < rows.length; from += BLOCK * size) {
    const count = Math.min(BLOCK, (rows.length - from) / size)
    const starts = Array.from({ length: count }, (_, at) => from + at * size)
    forward(triangle, size, rows, starts)
    back(triangle, size, rows, starts)
  }
}

/** Where row `row` of a packed triangle begins. */
export function startOf(row: number): number {
  return (row * (row + 1)) / 2
}

/**
 * A pivot below this part of its diagonal is rounding error: the rest of a direction that others already explain. It is
 * raised to this value, which switches the direction off.
 */
const ROUNDING = 1e-12

function factorize(triangle: Float64Array, size: number): void {
  for (let first = 0; first < size; first += BLOCK) {
    const count = Math.min(BLOCK, size - first)
    const starts = Array.from({ length: count }, (_, at) => startOf(first + at))
    forward(triangle, first, triangle, starts)
    for (const at of starts.keys()) oneRow(triangle, first + at, first)
  }
}

/** Columns from `first` on, and the pivot. */
function oneRow(triangle: Float64Array, row: number, first: number): void {
  const start = startOf(row)
  for (let column = first; column < row; column += 1) oneColumn(triangle, column, triangle, start)
  const diagonal = triangle[start + row] ?? 0
  const left = diagonal - dot(triangle, start, triangle, start, row)
  triangle[start + row] = Math.sqrt(Math.max(left, diagonal * ROUNDING, Number.MIN_VALUE))
}

/** L·y = b in place, its first `columns`, for the rows of `b` that begin at `starts`. */
function forward(
  triangle: Float64Array,
  columns: number,
  b: Float64Array,
  starts: readonly number[],
): void {
  for (let column = 0; column + 1 < columns; column += 2)
    for (let at = 0; at < starts.length; at += 4) fourRows(triangle, column, b, starts, at)
  if (columns % 2 === 1) for (const start of starts) oneColumn(triangle, columns - 1, b, start)
}

/**
 * Two columns of four rows: eight sums side by side. With fewer than four rows left, the last one is computed twice.
 */
function fourRows(
  triangle: Float64Array,
  column: number,
  b: Float64Array,
  starts: readonly number[],
  at: number,
): void {
  const last = starts[starts.length - 1] ?? 0
  const r0 = starts[at] ?? last
  const r1 = starts[at + 1] ?? last
  const r2 = starts[at + 2] ?? last
  const r3 = starts[at + 3] ?? last
  const [one, other] = [startOf(column), startOf(column + 1)]
  let [s0, s1, s2, s3, t0, t1, t2, t3] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let k = 0; k < column; k += 1) {
    const l = triangle[one + k] ?? 0
    const m = triangle[other + k] ?? 0
    const x0 = b[r0 + k] ?? 0
    const x1 = b[r1 + k] ?? 0
    const x2 = b[r2 + k] ?? 0
    const x3 = b[r3 + k] ?? 0
    s0 += x0 * l
    s1 += x1 * l
    s2 += x2 * l
    s3 += x3 * l
    t0 += x0 * m
    t1 += x1 * m
    t2 += x2 * m
    t3 += x3 * m
  }
  const [pivot, between] = [triangle[one + column] ?? 1, triangle[other + column] ?? 0]
  const next = triangle[other + column + 1] ?? 1
  const y0 = ((b[r0 + column] ?? 0) - s0) / pivot
  const y1 = ((b[r1 + column] ?? 0) - s1) / pivot
  const y2 = ((b[r2 + column] ?? 0) - s2) / pivot
  const y3 = ((b[r3 + column] ?? 0) - s3) / pivot
  const z0 = ((b[r0 + column + 1] ?? 0) - t0 - y0 * between) / next
  const z1 = ((b[r1 + column + 1] ?? 0) - t1 - y1 * between) / next
  const z2 = ((b[r2 + column + 1] ?? 0) - t2 - y2 * between) / next
  const z3 = ((b[r3 + column + 1] ?? 0) - t3 - y3 * between) / next
  b[r0 + column] = y0
  b[r1 + column] = y1
  b[r2 + column] = y2
  b[r3 + column] = y3
  b[r0 + column + 1] = z0
  b[r1 + column + 1] = z1
  b[r2 + column + 1] = z2
  b[r3 + column + 1] = z3
}

function oneColumn(triangle: Float64Array, column: number, b: Float64Array, start: number): void {
  const above = startOf(column)
  const sum = dot(b, start, triangle, above, column)
  b[start + column] = ((b[start + column] ?? 0) - sum) / (triangle[above + column] ?? 1)
}

/** Lᵀ·x = y in place: each x is subtracted from the earlier ones, along its row. */
function back(
  triangle: Float64Array,
  size: number,
  y: Float64Array,
  starts: readonly number[],
): void {
  for (let at = size - 1; at >= 0; at -= 1) {
    const row = startOf(at)
    for (const start of starts) {
      const found = (y[start + at] ?? 0) / (triangle[row + at] ?? 1)
      y[start + at] = found
      for (let k = 0; k < at; k += 1)
        y[start + k] = (y[start + k] ?? 0) - found * (triangle[row + k] ?? 0)
    }
  }
}

/** Four sums side by side, which a processor adds in parallel. */
export function dot(
  a: Float64Array,
  atA: number,
  b: Float64Array,
  atB: number,
  length: number,
): number {
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

/**
 * The means of the labels, and the constant of a Gaussian's discriminant around them.
 *
 * μ_c = s_c / n_c, [labels, width]; every label has at least one example.
 */
export function classMeans({ width, counts, sums }: ClassSums): Float64Array {
  const means = new Float64Array(sums.length)
  for (let label = 0, at = 0; at < means.length; label += 1) {
    const count = counts[label] ?? NaN
    for (const end = at + width; at < end; at += 1) means[at] = (sums[at] ?? 0) / count
  }
  return means
}

/** −½ w_c·μ_c, one per label. */
export function halfNorms(weight: Float64Array, means: Float64Array, width: number): Float64Array {
  const bias = new Float64Array(means.length / width)
  for (let label = 0, at = 0; label < bias.length; label += 1) {
    let sum = 0
    for (const end = at + width; at < end; at += 1)
      sum -= 0.5 * (weight[at] ?? 0) * (means[at] ?? 0)
    bias[label] = sum
  }
  return bias
}
