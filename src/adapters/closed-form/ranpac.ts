/**
 * RanPAC: the embedding goes through a frozen random projection and a ReLU; the head is ridge regression on the labels'
 * one-hot codes. The projection makes classes separable that no plane separates in the embedding. Only two sums are
 * learned, so the order of the stream makes no difference.
 *
 *   φ = relu(x·P), P [width, features] random      W = (G + λ·I)⁻¹·S      G = Σ φ·φᵀ, S = Σ φ·yᵀ
 *
 *   w_c ← w_c·(n̄ / n_c)^τ      n_c the examples of a label, n̄ their mean, τ the `balance`
 *
 * Of labels that are independent, each against the rest (one-against-rest.ts), with G around the mean and without τ.
 *
 * λ is `ridge` times the mean square of a feature, or chosen from the sums of each version (ridge.ts): with two labels and a fifth
 * of them wrong it is a hundred times larger than with a hundred labels that are right. Ridge regression favours labels with many examples, and hardly ever
 * answers one with few; τ takes this back. P belongs to the frozen network (projection.ts): it is never stored, and is a
 * constant of the serving graph.
 *
 * McDonnell et al. (2023), "RanPAC: random projections and pre-trained models for continual learning", NeurIPS; τ, there of
 * the norm of w_c: Kang et al. (2020), "Decoupling representation and classifier for long-tailed recognition", ICLR.
 *
 *     adapter: { method: ranpac, features: 2000, projection: orthogonal }
 */
import type {
  ClassSums,
  ClosedForm,
  ConfigOf,
  Method,
  MethodPlugin,
} from '../../contracts/adapter.ts'
import type { Settings } from '../../contracts/core.ts'
import { featuresSetting, projectedView } from './projection.ts'
import { centredMoments, discriminants } from './one-against-rest.ts'
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
    description:
      'λ, in mean squares of a feature; absent = chosen by generalised cross-validation, and 3 for independent labels',
  },
  projection: {
    type: 'choice',
    options: ['gaussian', 'orthogonal'],
    description:
      'gaussian: independent random directions; orthogonal: more accurate for as many features; absent = gaussian',
  },
  balance: {
    type: 'number',
    minimum: 0,
    maximum: 1,
    description:
      'τ: a label with a quarter of the examples gets 4^τ times the weight, so it is answered after fewer; absent = 0',
  },
  depth: depthSetting,
  tail_layers: tailLayers(0),
} as const satisfies Settings

export const ranpac = {
  summary: 'ridge regression behind a random projection',
  settings,
  open({
    features = 1024,
    ridge,
    depth = 1,
    projection = 'gaussian',
    balance = 0,
  }: ConfigOf<typeof settings>): Method {
    return {
      ...headOnly,
      name: 'ranpac',
      closedForm: closedForm(ridge, balance),
      view: (base) => projectedView(base, { depth, kind: projection, features }),
    }
  },
} satisfies MethodPlugin

/** Of independent labels. */
const OF_EACH = 3

function closedForm(ridge: number | undefined, balance: number): ClosedForm {
  return {
    needsMoments: true,
    solve(sums, solver) {
      const weight = ridgeWeights(sums, ridge ?? chosenRidge(sums), solver)
      if (balance > 0) balanced(weight, sums, balance)
      return { weight, bias: new Float64Array(sums.counts.length) }
    },
    solveEach: (sums, solver) =>
      discriminants(sums, (rows) => {
        const { width, all, yes } = sums
        const shape = { width, counts: yes.counts, sums: rows, moments: centredMoments(sums) }
        return ridgeWeights(shape, ridge ?? OF_EACH, solver, all)
      }),
  }
}

/** In place. Less than one example counts as one: what is wrong for one answer is divided among the others. */
function balanced(weight: Float64Array, { width, counts }: ClassSums, tau: number): void {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
  for (const [label, count] of counts.entries()) {
    const factor = (mean / Math.max(1, count)) ** tau
    for (let at = label * width; at < (label + 1) * width; at += 1)
      weight[at] = factor * (weight[at] ?? 0)
  }
}
