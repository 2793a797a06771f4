/**
 * Ridge regression on one-hot codes from sums, and a strength for it that the sums themselves choose.
 *
 *   W = (G + λ·I)⁻¹·S      λ = `ridge` · tr(G) / (features · n)
 *
 * The strength is that of generalised cross-validation, an estimate of the error on examples left out: labels with many examples
 * need hardly any ridge, few examples that are hard to tell apart a strong one.
 *
 *   GCV(λ) = n·‖Y − Φ·W‖² / (n − tr(G·(G + λ·I)⁻¹))²
 *   ‖Y − Φ·W‖² = n − Σ_c (s_c·w_c + λ·w_c·w_c)
 *
 * It is estimated on the first features alone: G of these becomes a tridiagonal T = Qᵀ·G·Q once, after which a strength costs one
 * pass along T for each label. Of the strengths that are nearly as good as the best, the weakest is taken: squared error asks
 * for more ridge than accuracy does.
 *
 * Golub, Heath & Wahba (1979), "Generalized cross-validation as a method for choosing a good ridge parameter", Technometrics
 * 21(2); Golub & Van Loan (2013), "Matrix Computations", 8.3.1.
 */
import type { ClassSums, IndependentSums, RidgeSolver } from '../../contracts/adapter.ts'
import { solve, startOf } from './cholesky.ts'

/** Features that a strength is chosen on: on development data 512, or all, chose nearly the same. */
const MOST = 256
/** Of those features: from 1 to 10,000, four in a decade. */
const strengths: readonly number[] = Array.from({ length: 17 }, (_, at) => 10 ** (at / 4))
/** This part above the least GCV is nearly as good. */
const SLACK = 0.005

/** [classes, width]. `all`: the examples, where `sums` has them otherwise: how many, and G as it is. */
export function ridgeWeights(
  sums: ClassSums,
  ridge: number,
  solver?: RidgeSolver,
  all: Pick<IndependentSums['all'], 'count' | 'moments'> = {
    count: total(sums),
    moments: sums.moments,
  },
): Float64Array {
  const square = trace({ ...sums, moments: all.moments }, sums.width)
  const lambda = (ridge * square) / (sums.width * all.count)
  return solver?.(sums, lambda) ?? solveHere(sums, lambda)
}

function solveHere({ width, moments, sums }: ClassSums, lambda: number): Float64Array {
  const triangle = Float64Array.from(moments)
  for (let row = 0, at = 0; row < width; row += 1, at += row + 1)
    triangle[at] = (triangle[at] ?? 0) + lambda
  const weight = Float64Array.from(sums)
  solve(triangle, width, weight)
  return weight
}

/** In mean squares of a feature. */
export function chosenRidge(sums: ClassSums): number {
  const size = Math.min(sums.width, MOST)
  const n = total(sums)
  const unit = trace(sums, size) / (size * n)
  const { matrix, rows } = leading(sums, size)
  const { diagonal, beside } = tridiagonal(matrix, size, rows)
  const errors = strengths.map((strength) => {
    const lambda = strength * unit
    const pivots = pivotsOf(diagonal, beside, lambda)
    const freedom = n - size + lambda * inverseTrace(diagonal, beside, lambda, pivots)
    const residual = n - explained(rows, { beside, pivots, lambda })
    return freedom > 1e-9 * n ? Math.max(0, residual) / freedom ** 2 : Infinity
  })
  const most = (1 + SLACK) * Math.min(...errors)
  const at = errors.findIndex((error) => error <= most)
  // So that the ridge is as strong beside the length of an example, which grows with the features.
  return ((strengths[at] ?? 1) * sums.width) / size
}

function total({ counts }: ClassSums): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

function trace({ moments }: ClassSums, size: number): number {
  let sum = 0
  for (let row = 0, at = 0; row < size; row += 1, at += row + 1) sum += moments[at] ?? 0
  return sum
}

/** G [size, size] and S [classes, size] of the first features. */
function leading({ width, moments, sums, counts }: ClassSums, size: number) {
  const matrix = new Float64Array(size * size)
  for (let row = 0; row < size; row += 1)
    for (let column = 0; column <= row; column += 1) {
      const value = moments[startOf(row) + column] ?? 0
      matrix[row * size + column] = value
      matrix[column * size + row] = value
    }
  const rows = Array.from(counts, (_, label) => sums.slice(label * width, label * width + size))
  return { matrix, rows }
}

interface Tridiagonal {
  readonly diagonal: Float64Array
  /** One number less: of a row and the next. */
  readonly beside: Float64Array
}

/** By Householder's reflections, which turn the rows in place too. */
function tridiagonal(a: Float64Array, size: number, rows: readonly Float64Array[]): Tridiagonal {
  for (let pivot = 0; pivot + 2 < size; pivot += 1) {
    const v = new Float64Array(size)
    let square = 0
    for (let at = pivot + 1; at < size; at += 1) {
      v[at] = a[at * size + pivot] ?? 0
      square += (v[at] ?? 0) ** 2
    }
    const first = v[pivot + 1] ?? 0
    const length = first > 0 ? -Math.sqrt(square) : Math.sqrt(square)
    v[pivot + 1] = first - length
    const norm = square - first * length
    if (!(norm > 0)) continue
    reflectBoth(a, size, pivot, v, 1 / norm)
    for (const row of rows) reflect(row, pivot + 1, v, 1 / norm)
  }
  return {
    diagonal: Float64Array.from({ length: size }, (_, at) => a[at * size + at] ?? 0),
    beside: Float64Array.from({ length: size - 1 }, (_, at) => a[at * size + at + 1] ?? 0),
  }
}

/** x ← x − β·(v·x)·v, from a place on. */
function reflect(x: Float64Array, from: number, v: Float64Array, beta: number): void {
  let product = 0
  for (let at = from; at < v.length; at += 1) product += (v[at] ?? 0) * (x[at] ?? 0)
  for (let at = from; at < v.length; at += 1) x[at] = (x[at] ?? 0) - beta * product * (v[at] ?? 0)
}

/** A ← A − v·wᵀ − w·vᵀ with p = β·A·v, w = p − ½·β·(p·v)·v, from row and column `pivot` on. */
function reflectBoth(
  a: Float64Array,
  size: number,
  pivot: number,
  v: Float64Array,
  beta: number,
): void {
  const w = new Float64Array(size)
  let product = 0
  for (let row = pivot; row < size; row += 1) {
    let sum = 0
    for (let at = pivot + 1; at < size; at += 1) sum += (a[row * size + at] ?? 0) * (v[at] ?? 0)
    w[row] = beta * sum
    product += beta * sum * (v[row] ?? 0)
  }
  for (let at = pivot; at < size; at += 1)
    w[at] = (w[at] ?? 0) - 0.5 * beta * product * (v[at] ?? 0)
  for (let row = pivot; row < size; row += 1) {
    const [x, y] = [v[row] ?? 0, w[row] ?? 0]
    for (let at = pivot; at < size; at += 1)
      a[row * size + at] = (a[row * size + at] ?? 0) - x * (w[at] ?? 0) - y * (v[at] ?? 0)
  }
}

/** Of T + λ·I = L·D·Lᵀ: D, from the first row on. */
function pivotsOf(diagonal: Float64Array, beside: Float64Array, lambda: number): Float64Array {
  const pivots = new Float64Array(diagonal.length)
  for (let at = 0; at < pivots.length; at += 1) {
    const own = (diagonal[at] ?? 0) + lambda
    const above = at === 0 ? 0 : (beside[at - 1] ?? 0) ** 2 / (pivots[at - 1] ?? 1)
    pivots[at] = Math.max(own - above, Number.MIN_VALUE)
  }
  return pivots
}

/** tr((T + λ·I)⁻¹): each number of its diagonal from the pivots above and below. */
function inverseTrace(
  diagonal: Float64Array,
  beside: Float64Array,
  lambda: number,
  pivots: Float64Array,
): number {
  const below = pivotsOf(diagonal.toReversed(), beside.toReversed(), lambda).reverse()
  return pivots.reduce(
    (sum, pivot, at) => sum + 1 / (pivot + (below[at] ?? 0) - (diagonal[at] ?? 0) - lambda),
    0,
  )
}

interface FactoredTridiagonal {
  readonly beside: Float64Array
  readonly pivots: Float64Array
  readonly lambda: number
}

/** Σ_c (s_c·w_c + λ·w_c·w_c) */
function explained(
  rows: readonly Float64Array[],
  { beside, pivots, lambda }: FactoredTridiagonal,
): number {
  let sum = 0
  const w = new Float64Array(pivots.length)
  for (const row of rows) {
    for (let at = 0; at < w.length; at += 1) {
      const above =
        at === 0 ? 0 : ((beside[at - 1] ?? 0) / (pivots[at - 1] ?? 1)) * (w[at - 1] ?? 0)
      w[at] = (row[at] ?? 0) - above
    }
    for (let at = w.length - 1; at >= 0; at -= 1) {
      const below = at + 1 < w.length ? (beside[at] ?? 0) * (w[at + 1] ?? 0) : 0
      w[at] = ((w[at] ?? 0) - below) / (pivots[at] ?? 1)
      sum += (w[at] ?? 0) * ((row[at] ?? 0) + lambda * (w[at] ?? 0))
    }
  }
  return sum
}
