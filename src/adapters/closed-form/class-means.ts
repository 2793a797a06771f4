/** The means of the labels, and the constant of a Gaussian's discriminant around them. */
import type { ClassSums } from '../../contracts/adapter.ts'

/** μ_c = s_c / n_c, [labels, width]; every label has at least one example. */
export function classMeans({ width, counts, sums }: ClassSums): Float64Array {
  return Float64Array.from(sums, (sum, at) => sum / (counts[Math.floor(at / width)] ?? NaN))
}

/** −½ w_c·μ_c, one per label. */
export function halfNorms(weight: Float64Array, means: Float64Array, width: number): Float64Array {
  const bias = new Float64Array(means.length / width)
  for (let at = 0; at < means.length; at += 1) {
    const label = Math.floor(at / width)
    bias[label] = (bias[label] ?? 0) - 0.5 * (weight[at] ?? 0) * (means[at] ?? 0)
  }
  return bias
}
