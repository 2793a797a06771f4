/**
 * The head of spans: a linear map of each position to the tags of the labels (`bioes.ts`), as Hugging Face's models for token
 * classification have it, so that an exported version gives the same numbers there.
 *
 *   logits = h · W + b      h [b, s, width], W [width, 1 + 4 · labels], b [1 + 4 · labels]
 */
import type { Ops } from '../../contracts/ops.ts'
import type { TaskHead } from '../../contracts/task.ts'
import { labelHead } from '../labels/label-head.ts'
import { labelsIn } from '../labels/label-rules.ts'
import { columnsOf } from './bioes.ts'

export const spansHead: TaskHead = {
  kind: 'spans',
  reads: 'positions',
  hasStrata: true,
  headIn: labelHead.headIn,
  // Also without a label: a text without any span is an answer.
  outputs: (head) => columnsOf(labelsIn(head).length),
  parameters: labelHead.parameters,
  grow: labelHead.grow,
  logits: <T>(ops: Ops<T>, positions: T): T =>
    ops.add(ops.matMul(positions, ops.param('head.weight')), ops.param('head.bias')),
  scale: () => 1,

  python: 'print([tags[best] for best in z.argmax(-1)])',
}
