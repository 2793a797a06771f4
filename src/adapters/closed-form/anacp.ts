/**
 * AnaCP: behind the random features of RanPAC, ridge regression does not predict a label's one-hot code but its prototype: its
 * mean, which draws like labels together, beside a direction of its own, which pushes all apart. The answer is the label whose
 * own projected mean has the nearest direction.
 *
 *   φ = relu(x·P)      B = (G + λ·I)⁻¹·S, S = Σ φ·yᵀ      z = Bᵀ·φ − m      m = mean over c of Bᵀ·μ_c
 *   H = M·Mᵀ/k̄ + J     logit_c = zᵀ·H·z_c / √(z_cᵀ·H·z_c), z_c = Bᵀ·μ_c − m
 *
 * M [labels, features] are the labels' means with their mean taken out, k̄ the mean diagonal of M·Mᵀ, J = I − 1·1ᵀ/labels. A label
 * with few examples has a short z_c, and is answered all the same. λ is chosen from the sums (ridge.ts), unless `ridge` says it.
 *
 * Momeni, Xiao & Liu (2025), "AnaCP: toward upper-bound continual learning via analytic contrastive projection", NeurIPS. Ours
 * is one projection and a linear head: the paper's repulsion by singular values, several projections and sampled features
 * are left out.
 *
 *     adapter: { method: anacp, features: 2048, depth: 3 }
 */
import type {
  ClassSums,
  ClosedForm,
  ConfigOf,
  Method,
  MethodPlugin,
  RidgeSolver,
} from '../../contracts/adapter.ts'
import type { Settings } from '../../contracts/core.ts'
import { classMeans, dot } from './cholesky.ts'
import { featuresSetting, projectedView } from './projection.ts'
import { chosenRidge, ridgeWeights } from './ridge.ts'
import { headOnly } from '../head.ts'
import { depthSetting } from '../lower-layers.ts'
import { tailLayers } from '../target-modules.ts'

const settings = {
  features: featuresSetting,
  ridge: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1e6,
    description: 'λ, in mean squares of a feature; absent = chosen by generalised cross-validation',
  },
  depth: depthSetting,
  tail_layers: tailLayers(0),
} as const satisfies Settings

export const anacp = {
  summary: 'regression on contrastive prototypes of the labels, behind a random projection',
  settings,
  open: ({ features = 1024, ridge, depth = 1 }: ConfigOf<typeof settings>): Method => ({
    ...headOnly,
    name: 'anacp',
    closedForm: closedForm(ridge),
    view: (base) => projectedView(base, { depth, kind: 'orthogonal', features }),
  }),
} satisfies MethodPlugin

function closedForm(ridge: number | undefined): ClosedForm {
  return {
    needsMoments: true,
    solve(sums, solver) {
      const ridged = ridgeWeights(sums, ridge ?? chosenRidge(sums), solver)
      return towardsPrototypes(sums, ridged, solver)
    },
  }
}

/** `ridged`: B, [labels, features]. */
function towardsPrototypes(sums: ClassSums, ridged: Float64Array, solver?: RidgeSolver) {
  const { width } = sums
  const count = sums.counts.length
  const means = classMeans(sums)
  const product: Product = (a, b, length) =>
    solver?.products(a, b, length) ?? products(a, b, length)
  const projected = product(means, ridged, width)
  const middle = centred(projected, count)
  centred(means, width)
  const directions = contrasted(projected, product(means, means, width), count, product)
  const weight = product(directions, turned(ridged, width), count)
  const bias = new Float64Array(count)
  for (let label = 0; label < count; label += 1) {
    const own = directions.subarray(label * count, (label + 1) * count)
    for (let other = 0; other < count; other += 1) {
      bias[label] = (bias[label] ?? 0) - (own[other] ?? 0) * (middle[other] ?? 0)
    }
  }
  return { weight, bias }
}

/** H·z_c / √(z_cᵀ·H·z_c), a label a row; `like`: M·Mᵀ. A label that is projected on the middle has none. */
function contrasted(
  projected: Float64Array,
  like: Float64Array,
  count: number,
  product: Product,
): Float64Array {
  let diagonal = 0
  for (let at = 0; at < like.length; at += count + 1) diagonal += (like[at] ?? 0) / count
  const pulled = product(projected, like, count)
  for (let from = 0; from < pulled.length; from += count) {
    const own = projected.subarray(from, from + count)
    const mean = own.reduce((sum, value) => sum + value, 0) / count
    const row = pulled.subarray(from, from + count)
    for (const [at, value] of own.entries())
      row[at] = (diagonal > 0 ? (row[at] ?? 0) / diagonal : 0) + value - mean
    const square = dot(own, 0, row, 0, count)
    const factor = square > 0 ? 1 / Math.sqrt(square) : 0
    for (let at = 0; at < count; at += 1) row[at] = factor * (row[at] ?? 0)
  }
  return pulled
}

type Product = (a: Float64Array, b: Float64Array, width: number) => Float64Array

/** [labels, width] → [width, labels] */
function turned(rows: Float64Array, width: number): Float64Array {
  const count = rows.length / width
  const columns = new Float64Array(rows.length)
  for (let row = 0, at = 0; row < count; row += 1)
    for (let column = 0; column < width; column += 1, at += 1)
      columns[column * count + row] = rows[at] ?? 0
  return columns
}

/** A·Bᵀ of rows that are `width` long. */
function products(a: Float64Array, b: Float64Array, width: number): Float64Array {
  const [rows, columns] = [a.length / width, b.length / width]
  const result = new Float64Array(rows * columns)
  for (let row = 0, at = 0; row < rows; row += 1)
    for (let column = 0; column < columns; column += 1, at += 1)
      result[at] = dot(a, row * width, b, column * width, width)
  return result
}

/** Takes the mean of all rows out of each, in place, and returns it. */
function centred(rows: Float64Array, width: number): Float64Array {
  const mean = new Float64Array(width)
  const count = rows.length / width
  for (let at = 0; at < rows.length; at += 1)
    mean[at % width] = (mean[at % width] ?? 0) + (rows[at] ?? 0) / count
  for (let at = 0; at < rows.length; at += 1) rows[at] = (rows[at] ?? 0) - (mean[at % width] ?? 0)
  return mean
}
