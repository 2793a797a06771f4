/**
 * Any number of labels from sums: for each label the direction that best separates the examples with it from those without it, and the
 * evidence along it as a Gaussian discriminant has it.
 *
 *   w_c = A⁻¹·d_c      d_c = N/N_c·(s⁺_c − n⁺_c·m_c)      m_c = S_c/N_c      A = G − N·m·mᵀ + λ·I
 *   r = w_c·(μ⁺_c − μ⁻_c)      q = n⁺_c·n⁻_c/N_c²      evidence = (w_c·x − w_c·(μ⁺_c + μ⁻_c)/2) / (q·(1 − r))
 *
 * N_c and S_c are over the examples that say whether c holds. The spread around the mean is taken to be the same for all labels, so that
 * there is one matrix to solve; where every example says everything, w_c is ridge regression of c against the rest. r is the part of
 * the variance of yes and no that w_c explains, and q·r·(1 − r) the variance of w_c·x that is left within both.
 *
 * Fisher (1936), "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7(2).
 */
import type { IndependentSums } from '../../contracts/adapter.ts'
import { dot } from './cholesky.ts'

/** Few examples of many dimensions are explained wholly, and would be evidence without end. */
const LEAST_LEFT = 0.05

export interface LabelContrast {
  /** μ⁺ − μ⁻, [labels, width]. */
  readonly apart: Float64Array
  /** (μ⁺ + μ⁻)/2, [labels, width]. */
  readonly middle: Float64Array
  /** q, one per label. */
  readonly variance: Float64Array
}

export function contrastOf({ width, yes, known }: IndependentSums): LabelContrast {
  const apart = new Float64Array(yes.sums.length)
  const middle = new Float64Array(yes.sums.length)
  const variance = new Float64Array(yes.counts.length)
  for (const [label, count] of yes.counts.entries()) {
    const all = known.counts[label] ?? NaN
    const rest = all - count
    variance[label] = (count / all) * (rest / all)
    for (let at = label * width; at < (label + 1) * width; at += 1) {
      const own = (yes.sums[at] ?? 0) / count
      const other = ((known.sums[at] ?? 0) - (yes.sums[at] ?? 0)) / rest
      apart[at] = own - other
      middle[at] = (own + other) / 2
    }
  }
  return { apart, middle, variance }
}

/** `directions`: of rows d_c [labels, width] the rows A⁻¹·d_c. */
export function discriminants(
  sums: IndependentSums,
  directions: (rows: Float64Array) => Float64Array,
) {
  const { width, all } = sums
  const { apart, middle, variance } = contrastOf(sums)
  // s⁺ − n⁺·m = N·q·(μ⁺ − μ⁻), here for N_c of N examples.
  const rows = apart.map((value, at) => all.count * (variance[Math.floor(at / width)] ?? 0) * value)
  const weight = directions(rows)
  const bias = new Float64Array(variance.length)
  for (const [label, q] of variance.entries()) {
    const from = label * width
    const explained = dot(weight, from, apart, from, width)
    const slope = 1 / (q * Math.max(LEAST_LEFT, 1 - explained))
    bias[label] = -slope * dot(weight, from, middle, from, width)
    for (let at = from; at < from + width; at += 1) weight[at] = slope * (weight[at] ?? 0)
  }
  return { weight, bias }
}

/** G − N·m·mᵀ: the lower triangle, row by row. */
export function centredMoments({ width, all }: IndependentSums): Float64Array {
  const triangle = Float64Array.from(all.moments)
  for (let row = 0, at = 0; row < width; row += 1) {
    const scaled = (all.sum[row] ?? 0) / all.count
    for (let column = 0; column <= row; column += 1, at += 1)
      triangle[at] = (triangle[at] ?? 0) - scaled * (all.sum[column] ?? 0)
  }
  return triangle
}
