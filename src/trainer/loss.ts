/**
 * The loss of a batch: raise what is wanted, lower what is not.
 *
 *   L = Σᵢ cᵢ · ( −Σₖ wᵢₖ · log pᵢₖ − log(1 − Σₖ uᵢₖ · pᵢₖ) ),   p = softmax(logits)
 *
 * c are the rows' shares, weight / rows of the whole batch: a row of weight 2 pulls like the same row twice. The second part is log-sum-exp of log p
 * without the unwanted, which loses no digits where p is near 1.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Tensor } from '../contracts.ts'
import type { TensorFlow } from '../nn/tensorflow.ts'

const NEVER = -1e9

export interface LossTargets {
  /** [b, k] each, of 0 and 1. */
  readonly wanted: Tensor
  readonly unwanted: Tensor
}

/** logits [b, k] → a scalar. Rows are weighed in plain memory, and the second part is left out where nobody needs it. */
export function batchLoss(
  tf: TensorFlow,
  logits: tfc.Tensor,
  { wanted, unwanted }: LossTargets,
  shares: readonly number[],
): tfc.Scalar {
  const [rows = 0, labels = 0] = wanted.shape
  const shape: [number, number] = [rows, labels]
  const logp = tf.logSoftmax(logits)
  const raised = wanted.data.map((value, at) => value * (shares[Math.floor(at / labels)] ?? 0))
  const loss = tf.neg(tf.sum<tfc.Scalar>(tf.mul(logp, tf.tensor(raised, shape))))
  if (unwanted.data.every((value) => value === 0)) return loss
  const barred = tf.tensor(
    unwanted.data.map((value) => value * NEVER),
    shape,
  )
  const rest = tf.logSumExp(tf.add(logp, barred), 1)
  const lowered = shares.map((share, row) => (anyOf(unwanted.data, row, labels) ? share : 0))
  return tf.sub<tfc.Scalar>(loss, tf.sum(tf.mul(rest, tf.tensor(lowered))))
}

function anyOf(data: Float32Array, row: number, labels: number): boolean {
  return data.subarray(row * labels, (row + 1) * labels).some((value) => value !== 0)
}
