/**
 * The head of a task whose labels have an output each.
 *
 *   logits = s · (embedding · W) + b      embedding [b, 1, width], W [width, labels], b [labels]
 *
 * s is 10 for embeddings of unit length: their cosines alone would leave the softmax nearly flat (Wang et al. 2017,
 * "NormFace"), and 1 for others. All columns start at zero, including those of new labels.
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/ops.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'
import { labelsIn } from './label-rules.ts'

const UNIT_SCALE = 10

export const labelHead = {
  hasClasses: true,
  reads: 'pooled',

  headIn: ({ labels = [] }) => labels,

  outputs: (head) => labelsIn(head).length,

  parameters: (width, outputs) => [
    { name: 'head.weight', shape: [width, outputs], start: 'zeros' },
    { name: 'head.bias', shape: [outputs], start: 'zeros' },
  ],

  grow: (name, tensor, outputs) => (/^(head|votes)\./.test(name) ? widen(tensor, outputs) : tensor),

  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T {
    const products = ops.matMul(embedding, ops.param('head.weight'))
    const scaled = unit ? ops.mul(products, ops.scalar(UNIT_SCALE)) : products
    return ops.add(scaled, ops.param('head.bias'))
  },

  scale: (unit) => (unit ? UNIT_SCALE : 1),
} satisfies Omit<TaskHead, 'kind'>

/** New columns of zeros at the end of the last axis. */
function widen(tensor: Tensor, columns: number): Tensor {
  const before = tensor.shape.at(-1) ?? 0
  invariant(columns >= before, `a head of ${before} labels cannot shrink to ${columns}`)
  const rows = tensor.shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const data = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row += 1)
    data.set(tensor.data.subarray(row * before, (row + 1) * before), row * columns)
  return { shape: [...tensor.shape.slice(0, -1), columns], data }
}
