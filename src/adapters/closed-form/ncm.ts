/**
 * Nearest class mean: the answer is the label with the nearest mean. It stores only means and counts, so it forgets
 * nothing.
 *
 *   μ_c = s_c / n_c      logit_c = −½‖x − μ_c‖² = x·μ_c − ½‖μ_c‖²      (‖x‖² is the same for every label)
 *
 * Of labels that are independent, the nearer mean of two for each, with the label and without:
 *
 *   logit_c ∝ ‖x − μ⁻_c‖² − ‖x − μ⁺_c‖²
 *
 * Mensink et al. (2013), "Distance-based image classification: generalizing to new classes at near-zero cost", TPAMI
 * 35(11).
 *
 *     adapter: { method: ncm }
 */
import type { ClosedForm, Method, MethodPlugin } from '../../contracts/adapter.ts'
import { classMeans, dot, halfNorms } from './cholesky.ts'
import { contrastOf } from './one-against-rest.ts'
import { headOnly } from '../head.ts'
import { tailLayers } from '../target-modules.ts'

const closedForm: ClosedForm = {
  needsMoments: false,
  solve(sums) {
    const means = classMeans(sums)
    return { weight: means, bias: halfNorms(means, means, sums.width) }
  },
  solveEach(sums) {
    const { apart, middle } = contrastOf(sums)
    const bias = Float64Array.from(
      sums.yes.counts,
      (_, label) => -dot(apart, label * sums.width, middle, label * sums.width, sums.width),
    )
    // At the means the evidence is ±1, on average.
    const square = apart.reduce((sum, value) => sum + value * value, 0)
    const factor = square > 0 ? (2 * bias.length) / square : 0
    for (const values of [apart, bias])
      for (let at = 0; at < values.length; at += 1) values[at] = factor * (values[at] ?? 0)
    return { weight: apart, bias }
  },
}

export const ncm = {
  summary: 'the label with the nearest mean',
  settings: { tail_layers: tailLayers(0) },
  open: (): Method => ({ ...headOnly, name: 'ncm', closedForm }),
} satisfies MethodPlugin
