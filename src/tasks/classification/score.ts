/**
 * Answers and scores of a row of logits. An unknown label counts as a zero-initialised column, logit 0, so its score is
 * the same before and after growth. Without any label the answer is '' with score 0, and nothing can be learned from
 * it.
 *
 * A retired label is not among the possible answers: the softmax runs over the others.
 *
 *   scores = softmax(logits / temperature)
 *
 * The temperature changes no answer, and no loss: training reads the weights as they are.
 */
import type { Score } from '../../contracts/example.ts'
import { logSumExp, softmax } from '../../nn/softmax.ts'
import type { LabelTarget } from './target.ts'

// A type, not an interface, so that it is JSON.
// An alias, because only that is assignable to Json.
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions
export type Answer = {
  readonly label: string
  readonly score: number
  readonly scores: Readonly<Record<string, number>>
  /** Its score is below the threshold of the settings. */
  readonly unsure?: true
}

export interface AnsweringLabels {
  readonly labels: readonly string[]
  readonly retired: readonly string[]
}

export function scoreOf(all: Float32Array, target: LabelTarget, known: AnsweringLabels): Score {
  const { logits, labels } = among(all, known)
  const at = labels.indexOf(target.label)
  const { label: answer, score: confidence } = bestOf(logits, labels, softmax(logits))
  const isRight = (answer === target.label) === (target.kind === 'label')
  const loss = target.kind === 'label' ? lossOf(logits, at) : lossOfNot(logits, at)
  const error = isRight ? 0 : 1
  if (labels.length === 0) return { answer, confidence, error, loss }
  const score = { answer, confidence, error, loss, evidence: { outputs: logits, right: at } }
  return isBlank(logits) ? { ...score, isBlank: true } : score
}

/** All logits are equal, as those of a head that starts at zero. */
function isBlank(logits: Float32Array): boolean {
  return logits.length > 1 && logits.every((logit) => logit === logits[0])
}

/** `unsure`: the score below which an answer says that it is unsure. */
export function decode(
  all: Float32Array,
  known: AnsweringLabels,
  { temperature, unsure }: { readonly temperature: number; readonly unsure: number },
): Answer {
  const { logits, labels } = among(all, known)
  const answer = answerOf(logits, labels, temperature)
  const isUnsure = answer.label !== '' && answer.score < unsure
  return isUnsure ? { ...answer, unsure: true } : answer
}

function answerOf(logits: Float32Array, labels: readonly string[], temperature = 1): Answer {
  const shares = softmax(temperature === 1 ? logits : Array.from(logits, (z) => z / temperature))
  const scores = Object.fromEntries(labels.map((label, at) => [label, shares[at] ?? 0]))
  return { ...bestOf(logits, labels, shares), scores }
}

function bestOf(logits: Float32Array, labels: readonly string[], shares: readonly number[]) {
  const best = Math.max(0, logits.indexOf(Math.max(...logits))) // the first of equals
  return { label: labels[best] ?? '', score: shares[best] ?? 0 }
}

/** The labels that answer, and their logits. */
function among(logits: Float32Array, { labels, retired }: AnsweringLabels) {
  if (retired.length === 0) return { logits, labels }
  const answers = (at: number) => !retired.includes(labels[at] ?? '')
  return {
    logits: logits.filter((_, at) => answers(at)),
    labels: labels.filter((_, at) => answers(at)),
  }
}

/** −log p; an unknown label is a column with logit 0. */
function lossOf(logits: Float32Array, at: number): number {
  if (at < 0) return logSumExp([...logits, 0])
  return logSumExp(logits) - (logits[at] ?? 0)
}

/** −log(1 − p), as a difference of logarithms so that p near 1 loses no digits. 0 if there is no other label. */
function lossOfNot(logits: Float32Array, at: number): number {
  if (at < 0 || logits.length < 2) return 0
  return logSumExp(logits) - logSumExp(logits.filter((_, label) => label !== at))
}
