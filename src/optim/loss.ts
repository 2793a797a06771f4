/**
 * The loss of a batch: raise what is wanted, lower what is not, and keep near to what was answered before.
 *
 *   L = Σᵢ cᵢ · ( −Σₖ wᵢₖ · log pᵢₖ − log(1 − Σₖ uᵢₖ · pᵢₖ) ) + Σᵢₖ aᵢₖ · (zᵢₖ − hᵢₖ)² − Σᵢₖ tᵢₖ · log qᵢₖ
 *
 * z are the logits, p = softmax(z) over the labels that the row may answer, q = softmax(z / T) over those that its
 * teacher knew. c are the rows' shares: without parts of their own weight / rows of the whole batch, so that a row of weight 2 pulls like
 * the same row twice. The second term is log-sum-exp of log p without the unwanted, which loses no digits where p is
 * near 1.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Tensor } from '../contracts/core.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'

export const NEVER = -1e9

/** [b, k] each. What is absent adds nothing. */
export interface LossTargets {
  /** Of 0 and 1. */
  readonly wanted: Tensor
  readonly unwanted: Tensor
  /** Added to the logits before p: 0 or NEVER. */
  readonly barred?: Tensor
  /** a and h. */
  readonly near?: { readonly share: Tensor; readonly to: Tensor }
  /** t, which holds the rows' shares already; NEVER where the teacher had no label; T. */
  readonly taught?: { readonly answers: Tensor; readonly barred: Tensor; readonly heat: number }
}

/** logits [b, k] → a scalar. Rows are weighed in plain memory, and terms are left out where nobody needs them. */
export function batchLoss(
  tf: TensorFlow,
  logits: tfc.Tensor,
  targets: LossTargets,
  shares: readonly number[],
): tfc.Scalar {
  const { wanted, unwanted, barred, near, taught } = targets
  const [rows = 0, labels = 0] = wanted.shape
  const upload = (data: Float32Array) => tf.tensor(data, [rows, labels])
  const among = barred === undefined ? logits : tf.add(logits, upload(barred.data))
  const logp = tf.logSoftmax(among)
  const raised = wanted.data.map((value, at) => value * (shares[Math.floor(at / labels)] ?? 0))
  const loss = tf.neg(tf.sum<tfc.Scalar>(tf.mul(logp, upload(raised))))
  const terms: tfc.Scalar[] = []
  if (unwanted.data.some((value) => value !== 0)) {
    const without = upload(unwanted.data.map((value) => value * NEVER))
    const rest = tf.logSumExp(tf.add(logp, without), 1)
    const lowered = shares.map((share, row) => (anyOf(unwanted.data, row, labels) ? share : 0))
    terms.push(tf.neg(tf.sum<tfc.Scalar>(tf.mul(rest, tf.tensor(lowered)))))
  }
  if (near !== undefined) {
    const distance = tf.squaredDifference(logits, upload(near.to.data))
    terms.push(tf.sum<tfc.Scalar>(tf.mul(distance, upload(near.share.data))))
  }
  if (taught !== undefined) {
    const cooled = tf.mul(logits, tf.scalar(1 / taught.heat))
    const logq = tf.logSoftmax(tf.add(cooled, upload(taught.barred.data)))
    terms.push(tf.neg(tf.sum<tfc.Scalar>(tf.mul(logq, upload(taught.answers.data)))))
  }
  return terms.reduce((sum, term) => tf.add<tfc.Scalar>(sum, term), loss)
}

function anyOf(data: Float32Array, row: number, labels: number): boolean {
  return data.subarray(row * labels, (row + 1) * labels).some((value) => value !== 0)
}
