/**
 * Streaming linear discriminant analysis: running class means and one running covariance shared by all classes.
 *
 *   Σ = (G − Σ_c n_c·μ_c·μ_cᵀ) / n      Λ = ((1 − ε)·Σ + max(ε, δ·G/n)·I)⁻¹      w_c = Λ·μ_c      b_c = −½ μ_c·Λ·μ_c
 *
 * Of labels that are independent, each against the rest (one-against-rest.ts), with Σ around the mean of all.
 *
 * The means and Σ are computed from sums, so the order of the stream makes no difference: on frozen features it never
 * forgets. ε is `shrinkage`, which keeps Λ bounded while there are fewer examples than dimensions; δ is above the rounding
 * error of the sums: of a dimension that hardly varies nothing but that error is left.
 *
 * Hayes & Kanan (2020), "Lifelong machine learning with deep streaming linear discriminant analysis", CVPR Workshops.
 *
 *     adapter: { method: slda, shrinkage: 0.01, depth: 1 }
 */
import type {
  ClassSums,
  ClosedForm,
  ConfigOf,
  Method,
  MethodPlugin,
} from '../../contracts/adapter.ts'
import type { Settings } from '../../contracts/core.ts'
import { solve, classMeans, halfNorms } from './cholesky.ts'
import { centredMoments, discriminants } from './one-against-rest.ts'
import { headOnly } from '../head.ts'
import { depthSetting, withLowerLayers } from '../lower-layers.ts'
import { tailLayers } from '../target-modules.ts'

const settings = {
  shrinkage: {
    type: 'number',
    exclusiveMinimum: 0,
    maximum: 1,
    default: 1e-4,
    description: 'ε of (1 − ε)·Σ + ε·I',
  },
  depth: depthSetting,
  tail_layers: tailLayers(0),
} as const satisfies Settings

/** δ */
const ROUNDING = 1e-8

export const slda = {
  summary: 'linear discriminants from running means and one shared covariance',
  settings,
  open: ({ shrinkage = 1e-4, depth = 1 }: ConfigOf<typeof settings>): Method => ({
    ...headOnly,
    name: 'slda',
    closedForm: closedForm(shrinkage),
    view: (base) => withLowerLayers(base, depth),
  }),
} satisfies MethodPlugin

function closedForm(shrinkage: number): ClosedForm {
  return {
    needsMoments: true,
    subtractsMeans: true,
    solve(sums) {
      const means = classMeans(sums)
      const weight = means.slice()
      solve(regular(sums, means, shrinkage), sums.width, weight)
      return { weight, bias: halfNorms(weight, means, sums.width) }
    },
    solveEach(sums) {
      const { width, all } = sums
      const shape = { width, total: all.count, moments: all.moments }
      return discriminants(sums, (rows) => {
        const weight = rows.map((value) => value / all.count)
        solve(shrunk(centredMoments(sums), shape, shrinkage), width, weight)
        return weight
      })
    },
  }
}

/** The lower triangle, row by row, of (1 − ε)·Σ + max(ε, δ·G/n)·I. */
function regular(sums: ClassSums, means: Float64Array, epsilon: number): Float64Array {
  const { width, counts, moments } = sums
  const total = counts.reduce((sum, count) => sum + count, 0)
  return shrunk(scatter(sums, means), { width, total, moments }, epsilon)
}

interface ScatterShape extends Pick<ClassSums, 'width' | 'moments'> {
  /** n */
  readonly total: number
}

/** The same of n·Σ, in place. */
function shrunk(
  triangle: Float64Array,
  { width, total, moments }: ScatterShape,
  epsilon: number,
): Float64Array {
  for (let at = 0; at < triangle.length; at += 1)
    triangle[at] = ((1 - epsilon) / total) * (triangle[at] ?? 0)
  for (let row = 0, at = 0; row < width; row += 1, at += row + 1) {
    const least = (ROUNDING / total) * (moments[at] ?? 0)
    triangle[at] = (triangle[at] ?? 0) + Math.max(epsilon, least)
  }
  return triangle
}

/** n·Σ: within the classes. */
function scatter({ width, counts, moments }: ClassSums, means: Float64Array): Float64Array {
  const triangle = Float64Array.from(moments)
  for (const [label, count] of counts.entries()) {
    const mean = means.subarray(label * width, (label + 1) * width)
    let at = 0
    for (let row = 0; row < width; row += 1) {
      const scaled = count * (mean[row] ?? 0)
      for (let column = 0; column <= row; column += 1, at += 1)
        triangle[at] = (triangle[at] ?? 0) - scaled * (mean[column] ?? 0)
    }
  }
  return triangle
}
