/** Rows packed end to end give what the same rows give side by side, forward and backward, in every operation that sees rows. */
import type { Tensor } from '@tensorflow/tfjs-core'
import { expect, it } from 'vitest'
import type { Ops } from '../../src/contracts/ops.ts'
import { tfjsOps, packedOps } from '../../src/nn/tfjs/ops.ts'
import { openTensorFlow } from '../../src/nn/tfjs/tensorflow.ts'
import { packed, padded } from '../../src/optim/engines/batch.ts'
import { openRandom } from '../../src/platform/random.ts'

const { tf } = await openTensorFlow()
const random = openRandom(1, 'packed')
const WIDTH = 6
const table = tf.tensor(drawn(9 * WIDTH), [9, WIDTH])
const plain = tfjsOps(tf, new Map(), new Map([['table', table]]))

const cases: Readonly<Record<string, (ops: Ops<Tensor>, x: Tensor, mask: Tensor) => Tensor>> = {
  attention(ops, x, mask) {
    const heads = ops.splitHeads(x, 2)
    const scores = ops.add(ops.batchMatMul(heads, heads, true), ops.attentionBias(mask))
    return ops.mergeHeads(ops.batchMatMul(ops.softmax(scores), heads))
  },
  maskedMean: (ops, x, mask) => ops.maskedMean(x, mask),
  maskedMax: (ops, x, mask) => ops.maskedMax(x, mask),
  lastPosition: (ops, x, mask) => ops.lastPosition(x, mask),
  ends: (ops, x, mask) => ops.mul(x, ops.ends(mask, 1, 1)),
  positions: (ops, x, mask) => ops.add(x, ops.positions(ops.param('table'), mask)),
}

const lengths = [
  [3, 1, 9, 4],
  [1, 2],
  [5, 5, 2, 2, 7],
]

it.each(Object.entries(cases))('%s', (_, run) => {
  for (const each of lengths) {
    const rows = each.map((positions) => ({
      ...{ positions, width: WIDTH },
      data: drawn(positions * WIDTH),
    }))
    const side = outcome(run, plain, padded(rows))
    const end = outcome(run, packedOps(tf, plain, each), packed(rows))
    expect(end.loss).toBeCloseTo(side.loss, 5)
    const real = rows.flatMap(({ data }, row) => {
      const from = row * Math.max(...each) * WIDTH
      return [...side.gradient.subarray(from, from + data.length)]
    })
    for (const [at, value] of end.gradient.entries()) expect(value).toBeCloseTo(real[at]!, 5)
  }
})

/** Σ sin over the real positions: each number of a result has another gradient, and padding has none. */
function outcome(
  run: (typeof cases)[string],
  ops: Ops<Tensor>,
  input: ReturnType<typeof padded>,
): { readonly loss: number; readonly gradient: Float32Array } {
  return tf.tidy(() => {
    const mask = tf.tensor(input.mask.data, [...input.mask.shape])
    const { value, grad } = tf.valueAndGrad((x) => {
      const y = tf.sin(run(ops, x, mask))
      const isPadded = y.shape[0] === mask.shape[0] && y.shape[1] === mask.shape[1]
      return tf.sum(isPadded ? tf.mul(y, tf.expandDims(mask, 2)) : y)
    })(tf.tensor(input.hidden.data, [...input.hidden.shape]))
    return {
      loss: value.dataSync<'float32'>()[0]!,
      gradient: grad.dataSync<'float32'>().slice(),
    }
  })
}

function drawn(length: number): Float32Array {
  return Float32Array.from({ length }, () => random.normal())
}
