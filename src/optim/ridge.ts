/**
 * Ridge regression on ±1 targets, one output per class, by conjugate gradients: a smooth answer to "what do the other
 * examples say", which a share of wrong labels hardly moves.
 *
 *   min over w of  Σᵢ aᵢ (tᵢ − w·xᵢ)² + λ‖w‖²,      x standardised, ‖x‖ ≈ 1
 *
 * The matrix XᵀAX is never formed: a step costs two passes over the rows, and few steps suffice, because the smallest
 * directions are what λ leaves out. Hestenes & Stiefel (1952), J. Res. NBS 49(6); Hoerl & Kennard (1970),
 * Technometrics 12(1).
 */

export interface RidgeRow {
  readonly values: Float32Array
  /** Its class, from 0. */
  readonly column: number
  readonly weight: number
}

export interface Ridge {
  /** One number per class, near 1 for the class that the rows say and near −1 for the others. */
  scores(values: Float32Array): Float64Array
}

const LAMBDA = 3
const STEPS = 12
/** Of a standardised number. */
const CLIP = 5

/** `classes` ≥ 2, and at least one row of each. Rows are of equal width. */
export function fitRidge(rows: readonly RidgeRow[], classes: number): Ridge {
  const width = rows[0]?.values.length ?? 0
  const scale = standardiser(rows, width)
  const matrix = new Float32Array(rows.length * width)
  for (const [at, { values }] of rows.entries()) matrix.set(scale(values), at * width)
  const weights = Float64Array.from(rows, ({ weight }) => weight)
  // Of two classes the second is the first with the other sign.
  const solved = Array.from({ length: classes === 2 ? 1 : classes }, (_, column) =>
    solve({ matrix, width, weights }, targetsOf(rows, column)),
  )
  return {
    scores(values) {
      const x = scale(values)
      const found = solved.map(({ bias, weight }) => bias + dot(weight, x, 0))
      return Float64Array.from(classes === 2 ? [found[0] ?? 0, -(found[0] ?? 0)] : found)
    },
  }
}

interface System {
  readonly matrix: Float32Array
  readonly width: number
  readonly weights: Float64Array
}

function targetsOf(rows: readonly RidgeRow[], column: number): Float64Array {
  return Float64Array.from(rows, (row) => (row.column === column ? 1 : -1))
}

function solve({ matrix, width, weights }: System, targets: Float64Array) {
  let [total, sum] = [0, 0]
  for (const [at, weight] of weights.entries()) {
    total += weight
    sum += weight * (targets[at] ?? 0)
  }
  const bias = total === 0 ? 0 : sum / total
  const weight = new Float64Array(width)
  const residual = new Float64Array(width)
  for (const [at, own] of weights.entries())
    add(residual, matrix, at * width, own * ((targets[at] ?? 0) - bias))
  let direction = residual.slice()
  let size = squared(residual)
  for (let step = 0; step < STEPS && size > 1e-12; step += 1) {
    const image = Float64Array.from(direction, (value) => LAMBDA * value)
    for (const [at, own] of weights.entries())
      add(image, matrix, at * width, own * dot(direction, matrix, at * width))
    const length = size / inner(direction, image)
    for (let i = 0; i < width; i += 1) {
      weight[i] = (weight[i] ?? 0) + length * (direction[i] ?? 0)
      residual[i] = (residual[i] ?? 0) - length * (image[i] ?? 0)
    }
    const next = squared(residual)
    const kept = next / size
    size = next
    direction = residual.map((value, i) => value + kept * (direction[i] ?? 0))
  }
  return { bias, weight }
}

/** Each number by its mean and deviation over the rows; what is missing, or always the same, says nothing. */
function standardiser(
  rows: readonly RidgeRow[],
  width: number,
): (values: Float32Array) => Float32Array {
  const mean = new Float64Array(width)
  const variance = new Float64Array(width)
  const total = rows.reduce((sum, { weight }) => sum + weight, 0) || 1
  const known = (value: number | undefined) => (Number.isFinite(value) ? (value ?? 0) : 0)
  for (const { values, weight } of rows)
    for (let i = 0; i < width; i += 1)
      mean[i] = (mean[i] ?? 0) + (weight / total) * known(values[i])
  for (const { values, weight } of rows)
    for (let i = 0; i < width; i += 1)
      variance[i] = (variance[i] ?? 0) + (weight / total) * (known(values[i]) - (mean[i] ?? 0)) ** 2
  const root = Math.sqrt(width)
  const factor = variance.map((value) => (value > 1e-12 ? 1 / (Math.sqrt(value) * root) : 0))
  const most = CLIP / root
  return (values) =>
    Float32Array.from({ length: width }, (_, i) => {
      const value = (known(values[i]) - (mean[i] ?? 0)) * (factor[i] ?? 0)
      return Number.isFinite(values[i]) ? Math.max(-most, Math.min(most, value)) : 0
    })
}

function add(to: Float64Array, matrix: Float32Array, from: number, factor: number): void {
  for (let i = 0; i < to.length; i += 1) to[i] = (to[i] ?? 0) + factor * (matrix[from + i] ?? 0)
}

function dot(vector: Float64Array, matrix: Float32Array, from: number): number {
  let sum = 0
  for (let i = 0; i < vector.length; i += 1) sum += (vector[i] ?? 0) * (matrix[from + i] ?? 0)
  return sum
}

function inner(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let i = 0; i < one.length; i += 1) sum += (one[i] ?? 0) * (other[i] ?? 0)
  return sum
}

function squared(vector: Float64Array): number {
  return inner(vector, vector)
}
