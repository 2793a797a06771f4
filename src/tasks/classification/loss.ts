/**
 * The loss of a row and its gradient: raise the logit of the right label, lower that of a wrong one.
 *
 *   L = −log p_y            dL/dz = p − onehot(y)       of a label y
 *   L = −log(1 − p_y)       dL/dz = p − r               of an answer y that was wrong; r = softmax without it
 *   L = −(1 − w)·log p_y − w·log(1 − p_y)               of a label y that is wrong with probability w
 *
 * The last is soft labels of the classes y and not y: no step makes the model surer than the label is (Reed et al. 2015,
 * "Training deep neural networks on noisy labels with bootstrapping", ICLR workshop).
 *
 * p = softmax(z) over the labels that the row may answer: those that are not retired, and among which it competes.
 */
import type { LossRow } from '../../contracts/task.ts'
import { invariant } from '../../platform/errors.ts'
import { exponentials, exponentiate, largestOf, logSumExp, softmax } from '../../nn/softmax.ts'
import type { AnsweringLabels } from './score.ts'
import type { LabelTarget } from './target.ts'

/** Added to a logit that takes no part. */
const NEVER = -1e9

/** Adds its share of the gradient; returns its share of the loss. A retired label teaches nothing. */
export function rowLoss(
  { target: { kind, label }, outputs, share, doubt = 0, among }: LossRow<LabelTarget>,
  { labels, retired }: AnsweringLabels,
  gradient: Float32Array,
): number {
  const at = placeOf(label, labels)
  if (at < 0) invariant(kind === 'not', `target "${label}" before the head grew to it`)
  if (at < 0 || retired.includes(label)) return 0
  // A competition that lacks the target's own label is none.
  const competing = among?.includes(at) === true ? among : undefined
  const isPlain = competing === undefined && retired.length === 0
  const z = isPlain ? outputs : limited(outputs, competing, { labels, retired })
  const others = labels.length - goneOf(retired, labels) - 1
  const wrong = kind === 'not' ? 1 - doubt : doubt
  const up = share * (1 - wrong)
  const down = others < 1 ? 0 : share * wrong
  const raised = up > 0 ? up * raise(z, at, up, gradient) : 0
  return down > 0 ? raised + down * lower(z, at, down, gradient) : raised
}

/** How many of the labels are retired. */
function goneOf(retired: readonly string[], labels: readonly string[]): number {
  return retired.length === 0 ? 0 : labels.filter((known) => retired.includes(known)).length
}

/** Only labels that compete and are not retired take part. */
function limited(
  outputs: Float32Array,
  competing: readonly number[] | undefined,
  { labels, retired }: AnsweringLabels,
): Float32Array {
  const takesPart = (column: number) =>
    competing?.includes(column) !== false && !retired.includes(labels[column] ?? '')
  return outputs.map((logit, k) => (takesPart(k) ? logit : logit + NEVER))
}

/** Places of labels, by list: to compare a label with dozens of others takes longer than its loss. */
const places = new WeakMap<readonly string[], ReadonlyMap<string, number>>()

/** −1 if it is not in the list. */
function placeOf(label: string, labels: readonly string[]): number {
  let known = places.get(labels)
  if (known?.size !== labels.length) {
    known = new Map(labels.map((each, at) => [each, at]))
    places.set(labels, known)
  }
  return known.get(label) ?? -1
}

/** −log softmax(z)[y]; adds `factor` times its gradient. */
function raise(z: Float32Array, y: number, factor: number, gradient: Float32Array): number {
  const top = largestOf(z)
  const sum = exponentiate(z, top)
  const { parts } = exponentials
  for (let at = 0; at < z.length; at += 1) {
    const derivative = (parts[at] ?? 0) / sum - (at === y ? 1 : 0)
    gradient[at] = (gradient[at] ?? 0) + factor * derivative
  }
  return top + Math.log(sum) - (z[y] ?? 0)
}

/** −log(1 − softmax(z)[y]) as a difference of logarithms; adds `factor` times its gradient. */
function lower(z: Float32Array, y: number, factor: number, gradient: Float32Array): number {
  const total = logSumExp(z)
  const rest = logSumExp(z.map((logit, at) => (at === y ? -Infinity : logit)))
  for (let at = 0; at < z.length; at += 1) {
    const logit = z[at] ?? 0
    const allowed = at === y ? 0 : Math.exp(logit - rest)
    gradient[at] = (gradient[at] ?? 0) + factor * (Math.exp(logit - total) - allowed)
  }
  return total - rest
}

/**
 * Cross-entropy with a teacher's answers over the labels that it knows, both with a temperature (Hinton et al. 2015).
 *
 *   L = −Σⱼ tⱼ · log qⱼ      t = softmax(h / T), q = softmax(z / T)      dL/dz = (Σt · q − t) / T
 */
export function distilled(
  outputs: Float32Array,
  teacher: Float32Array,
  { share, temperature }: { readonly share: number; readonly temperature: number },
  gradient: Float32Array,
): number {
  const answers = softmax(teacher.map((logit) => logit / temperature))
  const t = Float32Array.from(answers, (answer) => share * answer)
  const z = outputs.map((logit, at) => logit / temperature + (at < t.length ? 0 : NEVER))
  const total = logSumExp(z)
  const weight = t.reduce((sum, value) => sum + value, 0)
  let loss = 0
  for (let at = 0; at < z.length; at += 1) {
    const [own, logit] = [t[at] ?? 0, z[at] ?? 0]
    if (own !== 0) loss += own * (total - logit)
    const derivative = weight * Math.exp(logit - total) - own
    gradient[at] = (gradient[at] ?? 0) + derivative / temperature
  }
  return loss
}
