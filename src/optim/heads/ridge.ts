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
  /**
   * The scores of row `at` by all other rows, about, with the mean leverage h of a row (Golub, Heath & Wahba 1979, "Generalized
   * cross-validation", Technometrics 21(2)):  f₋ᵢ = (fᵢ − hᵢ tᵢ) / (1 − hᵢ),  hᵢ = aᵢ · h.
   */
  leftOut(at: number): Float64Array
  /** The same rows, each with its weight times a factor. */
  reweighted(factors: Float64Array): Ridge
}

const LAMBDA = 3
const STEPS = 12
const MOST_LEVERAGE = 0.9
/** The largest standardised number. */
const CLIP = 5

/** `classes` ≥ 2, and at least one row of each. Rows are of equal width. */
export function fitRidge(rows: readonly RidgeRow[], classes: number): Ridge {
  const width = rows[0]?.values.length ?? 0
  const scale = standardiser(rows, width)
  const matrix = new Float32Array(rows.length * width)
  for (const [at, { values }] of rows.entries()) matrix.set(scale(values), at * width)
  const weights = Float64Array.from(rows, ({ weight }) => weight)
  const columns = rows.map(({ column }) => column)
  const leverage = leverageOf({ matrix, width, weights })
  return ridgeOf({ system: { matrix, width, weights }, columns, classes, scale, leverage })
}

interface RidgeParts {
  readonly system: System
  readonly columns: readonly number[]
  readonly classes: number
  readonly scale: (values: Float32Array) => Float32Array
  /** The leverage of a row of weight 1. */
  readonly leverage: number
}

/** `near`: the solutions with other weights, where these are known. */
function ridgeOf(parts: RidgeParts, near?: readonly Solution[]): Ridge {
  const { system, columns, classes, scale, leverage } = parts
  // With two classes the second output is the first with the other sign.
  const solved = Array.from({ length: classes === 2 ? 1 : classes }, (_, column) =>
    solve(system, targetsOf(columns, column), near?.[column]),
  )
  const scoresAt = (x: Float32Array, from: number) => {
    const found = solved.map(({ bias, weight }) => bias + dot(weight, x, from))
    return Float64Array.from(classes === 2 ? [found[0] ?? 0, -(found[0] ?? 0)] : found)
  }
  return {
    scores: (values) => scoresAt(scale(values), 0),
    leftOut(at) {
      const own = Math.min(MOST_LEVERAGE, leverage * (system.weights[at] ?? 0))
      return scoresAt(system.matrix, at * system.width).map(
        (score, column) => (score - own * (columns[at] === column ? 1 : -1)) / (1 - own),
      )
    },
    reweighted(factors) {
      const weights = system.weights.map((weight, at) => weight * (factors[at] ?? 1))
      return ridgeOf({ ...parts, system: { ...system, weights } }, solved)
    },
  }
}

/**
 * The mean part of a row in its own score, by one random probe: tr(H) ≈ zᵀHz for signs z (Girard 1989, "A fast Monte-Carlo
 * cross-validation procedure", Numerische Mathematik 56).
 */
function leverageOf(system: System): number {
  const signs = system.weights.map((_, at) => (Math.imul(at + 1, 0x9e3779b1) < 0 ? -1 : 1))
  const { bias, weight } = solve(system, signs, zero(system.width))
  let trace = 0
  let total = 0
  for (const [at, own] of system.weights.entries()) {
    trace += own * (signs[at] ?? 0) * (bias + dot(weight, system.matrix, at * system.width))
    total += own
  }
  return total === 0 ? 0 : Math.max(0, trace / total)
}

interface System {
  readonly matrix: Float32Array
  readonly width: number
  readonly weights: Float64Array
}

function targetsOf(columns: readonly number[], column: number): Float64Array {
  return Float64Array.from(columns, (own) => (own === column ? 1 : -1))
}

interface Solution {
  readonly bias: number
  readonly weight: Float64Array
}

function zero(width: number): Solution {
  return { bias: 0, weight: new Float64Array(width) }
}

/** Starts from zero, or from a near solution with half as many steps. */
function solve(
  { matrix, width, weights }: System,
  targets: Float64Array,
  near?: Solution,
): Solution {
  let [total, sum] = [0, 0]
  for (const [at, weight] of weights.entries()) {
    total += weight
    sum += weight * (targets[at] ?? 0)
  }
  const bias = total === 0 ? 0 : sum / total
  const weight = (near ?? zero(width)).weight.slice()
  const residual = Float64Array.from(weight, (value) => -LAMBDA * value)
  for (const [at, own] of weights.entries()) {
    const answer = bias + (near === undefined ? 0 : dot(weight, matrix, at * width))
    add(residual, matrix, at * width, own * ((targets[at] ?? 0) - answer))
  }
  const steps = near === undefined ? STEPS : STEPS / 2
  let direction = residual.slice()
  let size = squared(residual)
  for (let step = 0; step < steps && size > 1e-12; step += 1) {
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

/** Standardises each number over the rows; a number that is missing, or always the same, becomes 0. */
function standardiser(
  rows: readonly RidgeRow[],
  width: number,
): (values: Float32Array) => Float32Array {
  const mean = new Float64Array(width)
  const variance = new Float64Array(width)
  const total = rows.reduce((sum, { weight }) => sum + weight, 0) || 1
  for (const { values, weight } of rows)
    for (let i = 0; i < width; i += 1)
      mean[i] = (mean[i] ?? 0) + (weight / total) * known(values[i])
  for (const { values, weight } of rows)
    for (let i = 0; i < width; i += 1) {
      const off = known(values[i]) - (mean[i] ?? 0)
      variance[i] = (variance[i] ?? 0) + (weight / total) * off * off
    }
  const root = Math.sqrt(width)
  const factor = variance.map((value) => (value > 1e-12 ? 1 / (Math.sqrt(value) * root) : 0))
  const most = CLIP / root
  return (values) => {
    const scaled = new Float32Array(width)
    for (let i = 0; i < width; i += 1) {
      const value = values[i] ?? NaN
      const off = (value - (mean[i] ?? 0)) * (factor[i] ?? 0)
      scaled[i] = Number.isFinite(value) ? Math.max(-most, Math.min(most, off)) : 0
    }
    return scaled
  }
}

function known(value = NaN): number {
  return Number.isFinite(value) ? value : 0
}

function add(to: Float64Array, matrix: Float32Array, from: number, factor: number): void {
  for (let i = 0; i < to.length; i += 1) to[i] = (to[i] ?? 0) + factor * (matrix[from + i] ?? 0)
}

/** In two sums, which do not wait for each other. */
function dot(vector: Float64Array, matrix: Float32Array, from: number): number {
  let [even, odd] = [0, 0]
  for (let i = 0; i < vector.length; i += 2) {
    even += (vector[i] ?? 0) * (matrix[from + i] ?? 0)
    odd += (vector[i + 1] ?? 0) * (matrix[from + i + 1] ?? 0)
  }
  return even + odd
}

function inner(one: Float64Array, other: Float64Array): number {
  let sum = 0
  for (let i = 0; i < one.length; i += 1) sum += (one[i] ?? 0) * (other[i] ?? 0)
  return sum
}

function squared(vector: Float64Array): number {
  return inner(vector, vector)
}
