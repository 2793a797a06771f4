/**
 * Classification: one row of the head per label. The only file that knows what labels are.
 *
 *   logits = s · (embedding · W) + b      embedding [b, 1, width], W [width, labels], b [labels]
 *
 * s is 10 for embeddings of unit length, whose cosines alone would leave the softmax nearly flat (Wang et al. 2017,
 * "NormFace"), and 1 for others. A label that is not known yet counts as a zero-started row, logit 0, everywhere: in
 * `score` as after `grow`. With no label at all the answer is '' with score 0, and nothing can be learned from it.
 *
 * A retired label is not among those that answer: the softmax runs over the others, in answers, scores and losses alike.
 */
import type { Tensor } from '../../contracts/core.ts'
import type { Ops } from '../../contracts/network.ts'
import type { Target, Task, Vocabulary } from '../../contracts/task.ts'
import { failure, invariant } from '../../platform/errors.ts'
import { labelForm } from './label-form.ts'
import { renamedLabel } from './renamed-labels.ts'
import { logSumExp, softmax } from '../../nn/softmax.ts'

const UNIT_SCALE = 10

export const classification: Task = {
  kind: 'classification',

  parameters: (width, labels) => [
    { name: 'head.weight', shape: [width, labels.length], start: 'zeros' },
    { name: 'head.bias', shape: [labels.length], start: 'zeros' },
  ],

  grow: (name, tensor, labels) => (/^(head|votes)\./.test(name) ? widen(tensor, labels) : tensor),

  logits<T>(ops: Ops<T>, embedding: T, unit: boolean): T {
    const products = ops.matMul(embedding, ops.param('head.weight'))
    const scaled = unit ? ops.mul(products, ops.scalar(UNIT_SCALE)) : products
    return ops.add(scaled, ops.param('head.bias'))
  },

  scale: (unit) => (unit ? UNIT_SCALE : 1),

  target(lesson, served, vocabulary) {
    invariant(lesson.kind !== 'retract', 'a retraction has no target')
    if (lesson.kind === 'value')
      throw failure('SIGNAL_UNSUPPORTED', 'a classification learns labels, not values')
    const { labels, open, retired = [], renamed } = vocabulary
    const target =
      lesson.kind === 'label'
        ? { ...lesson, label: spelled(renamedLabel(lesson.label, renamed), labels) }
        : rated(lesson.rating, served && renamedLabel(served, renamed), vocabulary)
    const { label } = target
    if (retired.includes(label))
      throw failure('LABEL_RETIRED', `"${label}" is retired`, { details: { label, retired } })
    if (open || labels.includes(label)) return target
    throw unknownLabel(label, labels)
  },

  targets: (rows, labels, retired = []) => ({
    wanted: oneHot(rows, labels, 'label', retired),
    unwanted: oneHot(rows, labels, 'not', retired),
  }),

  score(logits, target, labels, retired = []) {
    const answering = among(logits, labels, retired)
    const at = answering.labels.indexOf(target.label)
    const { label: answer, score: confidence } = classification.decode(
      answering.logits,
      answering.labels,
    )
    return target.kind === 'label'
      ? { answer, confidence, correct: answer === target.label, loss: lossOf(answering.logits, at) }
      : {
          answer,
          confidence,
          correct: answer !== target.label,
          loss: lossOfNot(answering.logits, at),
        }
  },

  decode(all, known, retired = []) {
    const { logits, labels } = among(all, known, retired)
    const shares = softmax(logits)
    const scores = Object.fromEntries(labels.map((label, at) => [label, shares[at] ?? 0]))
    const best = Math.max(0, shares.indexOf(Math.max(...shares))) // the first of equals
    return { label: labels[best] ?? '', score: shares[best] ?? 0, scores }
  },
}

/** A thousand long labels, named for each of a thousand events, would be a hundred megabytes. */
const NAMED_LABELS = 20
const NAMED_CHARACTERS = 400

function unknownLabel(label: string, labels: readonly string[]): Error {
  let characters = 0
  const long = labels.findIndex((name) => (characters += name.length) > NAMED_CHARACTERS)
  const named = labels.slice(0, long < 0 ? NAMED_LABELS : Math.min(NAMED_LABELS, long))
  const more = labels.length - named.length
  const rest = more === 0 ? '' : `, and ${more} more`
  const message = `"${label}" is none of the labels: ${named.join(', ')}${rest}`
  return failure('LABEL_UNKNOWN', message, { details: { label, labels: named } })
}

/** As the head spells it: one that was learned before labels had one spelling keeps its own. */
function spelled(label: string, labels: readonly string[]): string {
  if (labels.includes(label)) return label
  return labels.find((known) => labelForm(known) === label) ?? label
}

/** The labels that answer, and their logits. */
function among(logits: Float32Array, labels: readonly string[], retired: readonly string[]) {
  if (retired.length === 0) return { logits, labels }
  const answers = (at: number) => !retired.includes(labels[at] ?? '')
  return {
    logits: logits.filter((_, at) => answers(at)),
    labels: labels.filter((_, at) => answers(at)),
  }
}

/** Thumbs down on one of two closed labels says the other; elsewhere it says only which answer was wrong. */
function rated(
  rating: 1 | -1,
  served: string | undefined,
  { labels: known, open, retired = [] }: Vocabulary,
): Target {
  const labels = known.filter((label) => !retired.includes(label))
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
function oneHot(
  rows: readonly Target[],
  labels: readonly string[],
  kind: Target['kind'],
  retired: readonly string[],
): Tensor {
  const data = new Float32Array(rows.length * labels.length)
  const answering = labels.filter((label) => !retired.includes(label)).length
  for (const [row, target] of rows.entries()) {
    if (target.kind !== kind || (kind === 'not' && answering < 2)) continue
    const at = labels.indexOf(target.label)
    invariant(at >= 0 || kind === 'not', `target "${target.label}" before the head grew to it`)
    if (at >= 0 && !retired.includes(target.label)) data[row * labels.length + at] = 1
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
