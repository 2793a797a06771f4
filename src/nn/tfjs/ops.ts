/**
 * Ops that compute and differentiate, on TensorFlow. Eager execution costs 10–20 µs per kernel, so the operations that
 * a network repeats most have their own gradients (gradients.ts) instead of the long chains that tfjs derives.
 *
 * The caller tidies: nothing is disposed here, and every result belongs to the caller.
 */
import type * as tfc from '@tensorflow/tfjs-core'
import type { Ops } from '../../contracts/ops.ts'
import { invariant } from '../../platform/errors.ts'
import type { Dropout } from '../dropout.ts'
import { packedPlaces } from '../rows.ts'
import type { TensorFlow } from './tensorflow.ts'
import { gradientsOf } from './gradients.ts'

type Tensor = tfc.Tensor
type TensorMap = Pick<ReadonlyMap<string, Tensor>, 'get'>

/** `dropout`: of a step of the trainer. */
export function tfjsOps(
  tf: TensorFlow,
  weights: TensorMap,
  params: TensorMap,
  dropout?: Dropout,
): Ops<Tensor> {
  const { normalize, normalizeRms, ...own } = gradientsOf(tf)
  return {
    weight: (name) => named(weights, name, 'weight'),
    param: (name) => named(params, name, 'parameter'),
    scalar: (value) => tf.scalar(value),
    dropout: (x, rate, place) =>
      dropout ? tf.mul(x, tf.tensor(dropout(x.size, rate, place), x.shape)) : x,
    ...linearAlgebra(tf),
    ...arithmetic(tf),
    softmax: (x) => tf.softmax(x),
    layerNorm: (x, scale, bias, eps) => tf.add(tf.mul(normalize(x, eps), scale), bias),
    rmsNorm: (x, scale, eps) => tf.mul(normalizeRms(x, eps), scale),
    ...own,
    ...shaping(tf),
    ...masking(tf),
  }
}

function named(tensors: TensorMap, name: string, kind: string): Tensor {
  const tensor = tensors.get(name)
  invariant(tensor, `the network asks for the ${kind} ${name}, which is not there`)
  return tensor
}

/** One flat product instead of a broadcast one: [b·s, in] · [in, out] is a single kernel for any batch. */
function linearAlgebra(tf: TensorFlow): Pick<Ops<Tensor>, 'matMul' | 'transpose' | 'batchMatMul'> {
  return {
    matMul(x, w) {
      const [inSize, outSize] = w.shape as [number, number]
      const flat = tf.matMul(tf.reshape(x, [-1, inSize]), w)
      return tf.reshape(flat, [...x.shape.slice(0, -1), outSize])
    },
    transpose: (w) => tf.transpose(w),
    batchMatMul: (a, b, transposeB = false) => tf.matMul(a, b, false, transposeB),
  }
}

function arithmetic(
  tf: TensorFlow,
): Pick<Ops<Tensor>, 'add' | 'sub' | 'mul' | 'div' | 'tanh' | 'sqrt' | 'log'> {
  return {
    add: (a, b) => tf.add(a, b),
    sub: (a, b) => tf.sub(a, b),
    mul: (a, b) => tf.mul(a, b),
    div: (a, b) => tf.div(a, b),
    tanh: (x) => tf.tanh(x),
    sqrt: (x) => tf.sqrt(x),
    log: (x) => tf.log(x),
  }
}

function shaping(
  tf: TensorFlow,
): Pick<
  Ops<Tensor>,
  'gather' | 'positions' | 'splitHeads' | 'mergeHeads' | 'columns' | 'concat' | 'depthwise'
> {
  return {
    gather: (table, ids) => tf.gather(table, ids),
    positions(table, ids) {
      const [, length] = ids.shape as [number, number]
      return tf.expandDims(tf.slice(table, [0, 0], [length, -1]), 0)
    },
    splitHeads(x, heads) {
      const [batch, length, width] = x.shape as [number, number, number]
      return tf.transpose(tf.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3])
    },
    mergeHeads(x) {
      const [batch, heads, length, size] = x.shape as [number, number, number, number]
      return tf.reshape(tf.transpose(x, [0, 2, 1, 3]), [batch, length, heads * size])
    },
    columns(x, from, to) {
      const leading = x.shape.slice(0, -1)
      return tf.slice(x, [...leading.map(() => 0), from], [...leading, to - from])
    },
    concat: (parts) => tf.concat([...parts], -1),
    depthwise(x, w, side) {
      const [batch, , width] = x.shape as [number, number, number]
      const [count] = w.shape as [number, number]
      const k = Math.sqrt(count)
      const square = tf.reshape<tfc.Rank.R4>(x, [batch, side, side, width])
      const filter = tf.reshape<tfc.Rank.R4>(w, [k, k, width, 1])
      // The engine in WebAssembly has no gradient of its own. The filter is frozen, and as wide as high.
      const filtered = tf.customGrad((input, save) => {
        ;(save as tfc.GradSaveFunc)([filter])
        return {
          value: tf.depthwiseConv2d(input as typeof square, filter, 1, 'same'),
          gradFunc: (dy: Tensor, [kept]: Tensor[]) =>
            tf.depthwiseConv2d(
              dy as typeof square,
              tf.reverse(kept as typeof filter, [0, 1]),
              1,
              'same',
            ),
        }
      })
      return tf.reshape(filtered(square), x.shape)
    },
  }
}

function masking(
  tf: TensorFlow,
): Pick<
  Ops<Tensor>,
  | 'attentionBias'
  | 'causalBias'
  | 'causalPositions'
  | 'lastPosition'
  | 'ends'
  | 'maskedMean'
  | 'maskedMax'
> {
  const attentionBias = (mask: Tensor) => {
    const [batch, length] = mask.shape as [number, number]
    return tf.reshape(tf.mul(tf.sub(mask, 1), 1e9), [batch, 1, 1, length])
  }
  /** Which key each query of a decoder sees, [b, s, s]: (key − 1)·(key − query) = 0 where all see it, or those of its number. */
  const seen = (mask: Tensor) => {
    const [, length] = mask.shape as [number, number]
    const place = tf.cumsum(tf.ones([length]), 0)
    const isLater = tf.greater(tf.expandDims(place, 0), tf.expandDims(place, 1))
    const [query, key] = [tf.expandDims(mask, 2), tf.expandDims(mask, 1)]
    const isOwn = tf.equal(tf.mul(tf.sub(key, 1), tf.sub(key, query)), 0)
    const isSeen = tf.logicalAnd(tf.logicalAnd(isOwn, tf.greater(key, 0)), tf.logicalNot(isLater))
    return tf.cast(isSeen, 'float32')
  }
  /** How many keys each query sees before itself, [b, s, 1]. */
  const placesSeen = (all: Tensor) => tf.relu(tf.sub(tf.sum(all, 2, true), 1))
  const ends = (mask: Tensor, first: number, last: number) => {
    const [fromFront, fromBack] = [tf.cumsum(mask, 1), tf.cumsum(mask, 1, false, true)]
    const isEnd = tf.logicalOr(tf.lessEqual(fromFront, first), tf.lessEqual(fromBack, last))
    return tf.expandDims(tf.mul(mask, tf.cast(isEnd, 'float32')), 2)
  }
  return {
    attentionBias,
    causalBias(mask, window = Infinity) {
      const all = seen(mask)
      const within = () => {
        const place = placesSeen(all)
        const ago = tf.sub(place, tf.transpose(place, [0, 2, 1]))
        return tf.mul(all, tf.cast(tf.less(ago, window), 'float32'))
      }
      return tf.expandDims(tf.mul(tf.sub(window === Infinity ? all : within(), 1), 1e9), 1)
    },
    causalPositions: (table, mask) =>
      tf.gather(table, tf.cast(tf.squeeze(placesSeen(seen(mask)), [2]), 'int32')),
    lastPosition: (x, mask) => tf.matMul(ends(mask, 0, 1), x, true),
    ends,
    maskedMean(x, mask) {
      const [batch, length] = mask.shape as [number, number]
      const sum = tf.matMul(tf.reshape(mask, [batch, 1, length]), x)
      const count = tf.maximum(tf.sum(mask, 1, true), 1)
      return tf.div(sum, tf.expandDims(count, 2))
    },
    maskedMax: (x, mask) =>
      tf.max(tf.add(x, tf.expandDims(tf.mul(tf.sub(mask, 1), 1e9), 2)), 1, true),
  }
}

/**
 * Ops over packed rows: the positions of all rows end to end, [1, n, w], so that linear maps, norms and activations compute no
 * padding. Attention and pooling need rows side by side, [b, s, w]; a gather brings them there and back.
 *
 * Masks stay [b, s]. Krell et al. (2021), "Efficient sequence packing without cross-contamination", arXiv:2107.02027.
 *
 * `lengths`: positions of each row, with at least two rows. Everything else is computed by `ops`.
 */
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
    maskedMax: (x, mask) => ops.maskedMax(spread(x), mask),
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
