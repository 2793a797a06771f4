/**
 * The loss of a row, its score, and its answer. Each label is a question of its own:
 *
 *   p_c = sigmoid(z_c)      L = −Σ log p_c [c holds] − Σ log(1 − p_c) [c does not]      dL/dz_c = p_c − y_c
 *
 * over the labels that are known: all, or those of two lists. Of an answer that was wrong somewhere it is only known that it is not
 * the whole truth. With P the probability of that answer, the product over all labels:
 *
 *   L = −log(1 − P)      dL/dz_c = P / (1 − P) · (a_c − p_c)      a_c = 1 if c was answered
 *
 * The error of a row is the distance of Jaccard from the right labels, with probabilities in place of yes and no, so that it needs
 * no thresholds; "none" is a label too, with the probability that no label holds:
 *
 *   error = 1 − Σ_right p / (Σ_right 1 + Σ_wrong p)
 */
import type { Score } from '../../contracts/example.ts'
import type { LossRow } from '../../contracts/task.ts'
import { sigmoid, softplus } from '../../nn/sigmoid.ts'
import { namedIn, servedText, type MultilabelTarget } from './target.ts'

export interface AnsweringLabels {
  readonly labels: readonly string[]
  readonly retired: readonly string[]
}

/** Whether each label holds: 1 or 0; undefined if that is not known, or if the label answers no more. */
export function truthOf(
  target: MultilabelTarget,
  { labels, retired }: AnsweringLabels,
): readonly (0 | 1 | undefined)[] {
  const [yes, named] = [new Set(target.yes), new Set(namedIn(target))]
  return labels.map((label) => {
    if (retired.includes(label)) return undefined
    if (target.kind === 'some' && !named.has(label)) return undefined
    return yes.has(label) ? 1 : 0
  })
}

/** Adds its share of the gradient; returns its share of the loss. A doubtful example weighs less. */
export function rowLoss(
  { target, outputs, share, doubt = 0 }: LossRow<MultilabelTarget>,
  known: AnsweringLabels,
  gradient: Float32Array,
): number {
  const truth = truthOf(target, known)
  const weight = share * (1 - doubt)
  if (target.kind === 'not') return weight * wrongAnswer(outputs, truth, weight, gradient)
  let loss = 0
  for (const [at, y] of truth.entries()) {
    if (y === undefined) continue
    const z = outputs[at] ?? 0
    loss += softplus(y === 1 ? -z : z)
    gradient[at] = (gradient[at] ?? 0) + weight * (sigmoid(z) - y)
  }
  return weight * loss
}

/** −log(1 − P) of the answer in `truth`; its gradient with the factor. */
function wrongAnswer(
  outputs: Float32Array,
  truth: readonly (0 | 1 | undefined)[],
  factor: number,
  gradient: Float32Array,
): number {
  let log = 0
  for (const [at, y] of truth.entries())
    if (y !== undefined) log -= softplus(y === 1 ? -(outputs[at] ?? 0) : (outputs[at] ?? 0))
  // P rounds to 1 where nothing but the answer seems possible.
  const rest = Math.max(-Math.expm1(log), 1e-6)
  const slope = (factor * Math.exp(log)) / rest
  for (const [at, y] of truth.entries())
    if (y !== undefined)
      gradient[at] = (gradient[at] ?? 0) + slope * (y - sigmoid(outputs[at] ?? 0))
  return -Math.log(rest)
}

/** Cross-entropy with a teacher's scores of the labels that it knows, both with a temperature. */
export function distilled(
  outputs: Float32Array,
  teacher: Float32Array,
  { share, temperature }: { readonly share: number; readonly temperature: number },
  gradient: Float32Array,
): number {
  let loss = 0
  for (const [at, logit] of teacher.entries()) {
    const [z, t] = [(outputs[at] ?? 0) / temperature, sigmoid(logit / temperature)]
    loss += softplus(z) - t * z
    gradient[at] = (gradient[at] ?? 0) + (share * (sigmoid(z) - t)) / temperature
  }
  return share * loss
}

/** A label that the head lacks has the output 0. */
export function scoreOf(
  outputs: Float32Array,
  target: MultilabelTarget,
  { labels, retired }: AnsweringLabels,
): Score {
  const unknown = namedIn(target).filter((label) => !labels.includes(label))
  const known = { labels: [...labels, ...unknown], retired }
  const z = new Float32Array(known.labels.length)
  z.set(outputs.subarray(0, z.length))
  const truth = truthOf(target, known)
  const said = labels.filter((label, at) => !retired.includes(label) && (outputs[at] ?? 0) >= 0)
  const score = {
    answer: servedText(said),
    error: target.kind === 'not' ? agreement(z, truth) : 1 - agreement(z, truth),
    loss: rowLoss({ target, outputs: z, share: 1 }, known, new Float32Array(z.length)),
  }
  if (labels.length === 0) return score
  const isBlank = outputs.length > 0 && outputs.every((each) => each === 0)
  return {
    ...score,
    evidence: { outputs, right: -1, names: labels },
    ...(isBlank && { isBlank: true as const }),
  }
}

function agreement(z: Float32Array, truth: readonly (0 | 1 | undefined)[]): number {
  let [right, all, none, some] = [0, 0, 1, 0]
  for (const [at, y] of truth.entries()) {
    if (y === undefined) continue
    const p = sigmoid(z[at] ?? 0)
    none *= 1 - p
    some += y
    right += y === 1 ? p : 0
    all += y === 1 ? 1 : p
  }
  return some === 0 ? none / (1 + all) : right / (all + none)
}

/** 1 − |said and right| / |said or right| among the labels that are known; of an answer that was wrong, whether it is this one. */
export function judged(said: readonly string[], target: MultilabelTarget): number {
  const [yes, named] = [new Set(target.yes), new Set(namedIn(target))]
  const own = target.kind === 'some' ? said.filter((label) => named.has(label)) : said
  const both = own.filter((label) => yes.has(label)).length
  const either = own.length + yes.size - both
  const distance = either === 0 ? 0 : 1 - both / either
  return target.kind === 'not' ? Number(distance === 0) : distance
}
