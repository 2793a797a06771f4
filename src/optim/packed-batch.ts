/** Rows as tensors, and the operations that fit them: packed where that is allowed and there is anything to save, else padded. */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Latent } from '../contracts/network.ts'
import type { Ops } from '../contracts/ops.ts'
import { packedOps } from '../nn/tfjs/packed-ops.ts'
import type { TensorFlow } from '../nn/tfjs/tensorflow.ts'
import { packed, padded } from './batch-input.ts'

interface Batch {
  readonly ops: Ops<tfc.Tensor>
  /** [b, s, width], or [1, n, width] when packed. */
  readonly hidden: tfc.Tensor
  /** [b, s] */
  readonly mask: tfc.Tensor
}

/** The caller tidies. */
export function batchOf(
  tf: TensorFlow,
  ops: Ops<tfc.Tensor>,
  rows: readonly Latent[],
  mayPack: boolean,
): Batch {
  const lengths = rows.map(({ positions }) => positions)
  const isPacked = mayPack && lengths.some((length) => length !== lengths[0])
  const { hidden, mask } = isPacked ? packed(rows) : padded(rows)
  return {
    ops: isPacked ? packedOps(tf, ops, lengths) : ops,
    hidden: tf.tensor(hidden.data, [...hidden.shape]),
    mask: tf.tensor(mask.data, [...mask.shape]),
  }
}
