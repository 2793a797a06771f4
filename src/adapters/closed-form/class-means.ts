/** The means of the labels, and the constant of a Gaussian's discriminant around them. */
import type { ClassSums } from '../../contracts/adapter.ts'

/** μ_c = s_c / n_c, [labels, width]; every label has at least one example. */
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
