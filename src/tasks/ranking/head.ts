/**
 * The head of a ranking: one linear map to the log-odds of the reward, and one more for each member of an ensemble that explores.
 *
 *   outputs = [z, z₁ … z_B] = embedding · W + b        expected reward = 1 / (1 + e^−z), between the bounds of the task
 */
import type { Json, Tensor } from '../../contracts/core.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'

export const rankingHead = {
  kind: 'ranking',
  hasStrata: true,
  reads: 'pooled',
  headIn: ({ members = 0 }) => members,
  outputs: (head) => 1 + membersIn(head),
  parameters: (width, outputs) => [
    { name: 'head.weight', shape: [width, outputs], start: 'zeros' },
    { name: 'head.bias', shape: [outputs], start: 'zeros' },
  ],
  grow: (name, tensor, outputs) => (name.startsWith('head.') ? widened(tensor, outputs) : tensor),
  logits: (ops, embedding) =>
    ops.add(ops.matMul(embedding, ops.param('head.weight')), ops.param('head.bias')),
  scale: () => 1,
  python: 'print(1 / (1 + np.exp(-z[..., 0])))',
} satisfies TaskHead

/** Members of the ensemble. */
export function membersIn(head: Json): number {
  return typeof head === 'number' ? head : 0
}

/** New members begin as the score: they differ by what comes. */
function widened({ shape, data }: Tensor, outputs: number): Tensor {
  const before = shape.at(-1) ?? 1
  invariant(outputs >= before, `a head of ${before} outputs cannot shrink to ${outputs}`)
  const rows = data.length / before
  const wider = new Float32Array(rows * outputs)
  for (let row = 0; row < rows; row += 1)
    for (let column = 0; column < outputs; column += 1)
      wider[row * outputs + column] = data[row * before + (column < before ? column : 0)] ?? 0
  return { shape: [...shape.slice(0, -1), outputs], data: wider }
}
