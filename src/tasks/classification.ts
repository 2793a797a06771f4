/**
 * Classification: one row of the head per label. The only file that knows what labels are.
 *
 *   logits = s · (embedding · W) + b      embedding [b, 1, width], W [width, labels], b [labels]
 *
 * s is 10 for embeddings of unit length, whose cosines alone would leave the softmax nearly flat (Wang et al. 2017,
 * "NormFace"), and 1 for others. A label that is not known yet counts as a zero-started row, logit 0, everywhere: in
 * `score` as after `grow`. With no label at all the answer is '' with score 0, and nothing can be learned from it.
 */
import type { Ops, Target, Task, Tensor } from '../contracts.ts'
import { failure, invariant } from '../runtime/errors.ts'
import { logSumExp, softmax } from '../nn/softmax.ts'

const UNIT_SCALE = 10

export const classification: Task = {
  kind: 'classification',

  parameters: (width, labels) => [
    { name: 'head.weight', shape: [width, labels.length], start: 'zeros' },
    { name: 'head.bias', shape: [labels.length], start: 'zeros' },
  ],

  grow: (name, tensor, labels) => (name.startsWith('head.') ? widen(tensor, labels) : tensor),

  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T {
    const products = ops.matMul(embedding, ops.param('head.weight'))
    const scaled = unit ? ops.mul(products, ops.scalar(UNIT_SCALE)) : products
    return ops.add(scaled, ops.param('head.bias'))
  },

  scale: (unit) => (unit ? UNIT_SCALE : 1),

  target(lesson, served, labels, open) {
    invariant(lesson.kind !== 'retract', 'a retraction has no target')
    const target = lesson.kind === 'label' ? lesson : rated(lesson.rating, served, labels, open)
    if (open || labels.includes(target.label)) return target
    throw failure(
      'LABEL_UNKNOWN',
      `"${target.label}" is none of the labels: ${labels.join(', ')}`,
      {
        details: { label: target.label, labels },
      },
    )
  },

  targets: (rows, labels) => ({
    wanted: oneHot(rows, labels, 'label'),
    unwanted: oneHot(rows, labels, 'not'),
  }),

  score(logits, target, labels) {
    const at = labels.indexOf(target.label)
    const answer = classification.decode(logits, labels).label
    return target.kind === 'label'
      ? { answer, correct: answer === target.label, loss: lossOf(logits, at) }
      : { answer, correct: answer !== target.label, loss: lossOfNot(logits, at) }
  },

  decode(logits, labels) {
    const shares = softmax(logits)
    const scores = Object.fromEntries(labels.map((label, at) => [label, shares[at] ?? 0]))
    const best = Math.max(0, shares.indexOf(Math.max(...shares))) // the first of equals
    return { label: labels[best] ?? '', score: shares[best] ?? 0, scores }
  },
}

/** Thumbs down on one of two closed labels says the other; elsewhere it says only which answer was wrong. */
function rated(
  rating: 1 | -1,
  served: string | undefined,
  labels: readonly string[],
  open: boolean,
): Target {
  if (served === undefined || served === '')
    throw failure('RATING_NEEDS_PREDICTION', 'the rating speaks of no answer that was served')
  if (rating === 1) return { kind: 'label', label: served }
  const others = labels.filter((label) => label !== served)
  const [other] = others
  const decided = !open && labels.length === 2 && others.length === 1
  return decided && other !== undefined
    ? { kind: 'label', label: other }
    : { kind: 'not', label: served }
}

/** One row per target; rows of the other kind stay zero, and so does a `not` that leaves no label to prefer. */
function oneHot(rows: readonly Target[], labels: readonly string[], kind: Target['kind']): Tensor {
  const data = new Float32Array(rows.length * labels.length)
  for (const [row, target] of rows.entries()) {
    if (target.kind !== kind || (kind === 'not' && labels.length < 2)) continue
    const at = labels.indexOf(target.label)
    invariant(at >= 0 || kind === 'not', `target "${target.label}" before the head grew to it`)
    if (at >= 0) data[row * labels.length + at] = 1
  }
  return { shape: [rows.length, labels.length], data }
}

/** −log p; an unknown label is a row with logit 0. */
function lossOf(logits: Float32Array, at: number): number {
  const all = at < 0 ? [...logits, 0] : [...logits]
  return logSumExp(all) - (all[at < 0 ? all.length - 1 : at] ?? 0)
}

/** −log(1 − p), as a difference of logarithms so that p near 1 loses no digits. 0 where there is no other label. */
function lossOfNot(logits: Float32Array, at: number): number {
  if (at < 0 || logits.length < 2) return 0
  return logSumExp(logits) - logSumExp(logits.filter((_, label) => label !== at))
}

/** New columns of zeros at the end of the last axis. */
function widen(tensor: Tensor, labels: number): Tensor {
  const before = tensor.shape.at(-1) ?? 0
  invariant(labels >= before, `a head of ${before} labels cannot shrink to ${labels}`)
  const rows = tensor.shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const data = new Float32Array(rows * labels)
  for (let row = 0; row < rows; row += 1)
    data.set(tensor.data.subarray(row * before, (row + 1) * before), row * labels)
  return { shape: [...tensor.shape.slice(0, -1), labels], data }
}
