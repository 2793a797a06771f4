/**
 * Nearest class mean: the answer is the label with the nearest mean. It stores only means and counts, so it forgets
 * nothing.
 *
 *   μ_c = s_c / n_c      logit_c = −½‖x − μ_c‖² = x·μ_c − ½‖μ_c‖²      (‖x‖² is the same for every label)
 *
 * Mensink et al. (2013), "Distance-based image classification: generalizing to new classes at near-zero cost", TPAMI
 * 35(11).
 *
 *     adapter: { method: ncm }
 */
import type { ClosedForm, Method, MethodPlugin } from '../../contracts/adapter.ts'
import { classMeans, halfNorms } from './cholesky.ts'
import { headOnly } from '../head.ts'
import { tailLayers } from '../target-modules.ts'

const closedForm: ClosedForm = {
  needsMoments: false,
  solve(sums) {
    const means = classMeans(sums)
    return { weight: means, bias: halfNorms(means, means, sums.width) }
  },
}

export const ncm = {
  summary: 'the label with the nearest mean',
  settings: { tail_layers: tailLayers(0) },
  open: (): Method => ({ ...headOnly, name: 'ncm', closedForm }),
} satisfies MethodPlugin
