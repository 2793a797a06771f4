/**
 * Ops over packed rows: the positions of all rows end to end, [1, n, w], so that linear maps, norms and activations compute no
 * padding. Attention and pooling need rows side by side, [b, s, w]; a gather brings them there and back.
 *
 * Masks stay [b, s]. Krell et al. (2021), "Efficient sequence packing without cross-contamination", arXiv:2107.02027.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Ops } from '../../contracts/ops.ts'
import { packedPlaces } from '../packed-places.ts'
import type { TensorFlow } from './tensorflow.ts'

type Tensor = tfc.Tensor

/** `lengths`: positions of each row, with at least two rows. Everything else is computed by `ops`. */
export function packedOps(
  tf: TensorFlow,
  ops: Ops<Tensor>,
  lengths: readonly number[],
): Ops<Tensor> {
  const { spread, pack } = movesOf(tf, lengths)
  const positionInRow = lengths.flatMap((length) => Array.from({ length }, (_, at) => at))
  return {
    ...ops,
    positions: (table) => tf.expandDims(tf.gather(table, positionInRow), 0),
    splitHeads: (x, heads) => ops.splitHeads(spread(x), heads),
    mergeHeads: (x) => pack(ops.mergeHeads(x)),
    maskedMean: (x, mask) => ops.maskedMean(spread(x), mask),
    lastPosition: (x, mask) => ops.lastPosition(spread(x), mask),
    ends: (mask, first, last) => pack(ops.ends(mask, first, last)),
  }
}

/** Both directions, each the gradient of the other: padding never reaches the loss, so nothing flows back from it. */
function movesOf(tf: TensorFlow, lengths: readonly number[]) {
  const [rows, longest] = [lengths.length, Math.max(...lengths)]
  const { toPacked, toPadded } = placesOf(lengths, longest)
  // A tensor of places belongs to one call: the gradient runs when those of the forward pass are disposed.
  const packed = (x: Tensor) => {
    const width = x.shape.at(-1) ?? 0
    const flat = tf.gather(tf.reshape(x, [rows * longest, width]), tf.tensor1d(toPacked, 'int32'))
    return tf.reshape(flat, [1, toPacked.length, width])
  }
  /** Padding is the row of zeros behind the last position. */
  const padded = (x: Tensor) => {
    const width = x.shape.at(-1) ?? 0
    const flat = tf.concat([tf.reshape(x, [toPacked.length, width]), tf.zeros([1, width])], 0)
    return tf.reshape(tf.gather(flat, tf.tensor1d(toPadded, 'int32')), [rows, longest, width])
  }
  return {
    /** [1, n, w] → [b, s, w]. */
    spread: tf.customGrad((x) => ({
      value: padded(x as Tensor),
      gradFunc: (dy: Tensor) => packed(dy),
    })),
    /** [b, s, w] → [1, n, w]. */
    pack: tf.customGrad((x) => ({
      value: packed(x as Tensor),
      gradFunc: (dy: Tensor) => padded(dy),
    })),
  }
}

/** `toPacked` [n]: the place of each position among [b · s]; `toPadded` [b · s]: the other way, n for padding. */
function placesOf(lengths: readonly number[], longest: number) {
  const toPacked = packedPlaces(lengths)
  const toPadded = new Int32Array(lengths.length * longest).fill(toPacked.length)
  for (const [at, place] of toPacked.entries()) toPadded[place] = at
  return { toPacked, toPadded }
}
