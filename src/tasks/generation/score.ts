/**
 * How well an example was answered before it was learned.
 *
 *   completion, correction   error = 1 − exp(¹⁄ₙ Σ log π)      the geometric mean of its tokens' probabilities
 *   preference               error = 0 where the chosen answer has the higher reward, 1 where it has not, ½ where they are equal
 *   answers                  error = 1 − the mean of their rewards
 *   rating                   error = 1 − σ(±β·r)               the loss of a rating whose answers have not moved
 */
import type { Score } from '../../contracts/example.ts'
import { answersIn, sumOf } from '../../nn/answer-outputs.ts'
import type { RewardedAnswer } from '../../payloads/signals/answers.ts'
import { rewardOf, textLoss, type TextLoss } from './loss.ts'
import type { GenerationSettings } from './settings.ts'
import type { TextTarget } from './target.ts'

/** The part of a score that quality reads. A type: it is JSON. */
export type TextScore = Readonly<{
  /** −log π per token; null if the target names no completion. */
  tokenLoss: number | null
  /** For a pair: r(chosen) − r(rejected). */
  margin: number | null
}>

export function scoreOf(
  outputs: Float32Array,
  target: TextTarget,
  settings: GenerationSettings,
): Score {
  const [first, second] = answersIn(outputs)
  if (first === undefined)
    return { error: 1, loss: Infinity, answer: { tokenLoss: null, margin: null } }
  const loss = textLoss({ target, outputs, share: 1 }, settings, new Float32Array(outputs.length))
  const says = target.kind === 'completion' || target.kind === 'correction'
  const tokenLoss = says ? -sumOf(first.logs) / first.logs.length : null
  const isPair = target.kind !== 'answers' && second !== undefined && first.reference.length > 0
  const margin = isPair ? rewardOf(first) - rewardOf(second) : null
  const error =
    target.kind === 'answers'
      ? 1 - meanReward(target.answers)
      : (errorOf({ tokenLoss, margin }) ?? ratingError({ target, outputs, share: 1 }, settings))
  return { error, loss, answer: { tokenLoss, margin } }
}

export function meanReward(answers: readonly RewardedAnswer[]): number {
  return answers.reduce((sum, { reward }) => sum + reward, 0) / answers.length
}

function errorOf({ tokenLoss, margin }: TextScore): number | undefined {
  if (tokenLoss !== null) return 1 - Math.exp(-tokenLoss)
  if (margin !== null) return margin === 0 ? 0.5 : Number(margin < 0)
  return undefined
}

function ratingError(row: TextLoss, settings: GenerationSettings): number {
  const free = new Float32Array(row.outputs.length)
  return Math.max(0, Math.min(1, textLoss(row, { ...settings, liked_weight: 0 }, free)))
}
