/**
 * What a generation learns from the log-probabilities of an answer's tokens: log π of the adapter, log ρ of the base without it.
 * With r(y) = Σ log π(y) − log ρ(y) over the tokens of an answer y:
 *
 *   completion   −¹⁄n̄ Σ log π            + kl · ¹⁄n̄ Σ ½·(log π − log ρ)²
 *   preference   −log σ(β·(r(chosen) − r(rejected)))
 *   rating  1    up_weight · (1 − σ(β·(r(y) − z)))   + liked_weight · completion
 *   rating −1    down_weight · (1 − σ(β·(z − r(y))))
 *   answers      ¹⁄₂β(K−1) · Σᵢ (hᵢ − h̄)²,  hᵢ = earned(yᵢ) − β·r(yᵢ)   of K answers
 *   correction   completion + correction_weight · preference
 *   general      ¹⁄n̄ Σ ½·(log π − log ρ)²
 *
 * n̄ is the mean length of the completions of the step, general ones among them: the mean of completions that are learned together is one over their
 * tokens, so a token of a long answer counts like one of a short answer.
 *
 * The slope of `answers` at yᵢ is that of RLOO, whose baseline for an answer is the mean of the others and whose reward has β times the
 * distance from the base taken off, a mean over K answers. As a square it has a minimum, so answers that another version wrote, or that are
 * replayed, teach no more than their rewards say.
 *
 * z estimates how far the adapter is from the base, from answers to other inputs, and is not differentiated.
 *
 * Rafailov et al. (2023), "Direct preference optimization", NeurIPS; Ethayarajh et al. (2024), "KTO: model alignment as prospect
 * theoretic optimization", ICML; Ahmadian et al. (2024), "Back to basics: revisiting REINFORCE-style optimization for learning from
 * human feedback in LLMs", ACL; Flet-Berliac et al. (2024), "Contrastive policy gradient: aligning LLMs on sequence-level scores in a
 * supervised-friendly fashion", EMNLP; Schulman (2020), "Approximating KL divergence" (½·d² as its estimate).
 */
import { answersIn, sumOf, type AnswerOutputs } from '../../nn/answer-outputs.ts'
import { sigmoid, softplus } from '../../nn/sigmoid.ts'
import { invariant } from '../../platform/errors.ts'
import type { GenerationSettings } from './settings.ts'
import { textsOf, type TargetText, type TextTarget } from './target.ts'

export interface TextLoss {
  readonly target: TextTarget
  readonly outputs: Float32Array
  readonly share: number
  /** z; absent = 0. */
  readonly drift?: number | undefined
  /** n̄; absent = the tokens of this answer. */
  readonly meanTokens?: number | undefined
}

/** Adds share · ∂L/∂outputs to `gradient`, and returns share · L. */
export function textLoss(
  { target, outputs, share, drift = 0, meanTokens }: TextLoss,
  settings: GenerationSettings,
  gradient: Float32Array,
): number {
  const read = answersIn(outputs)
  const [first, second] = read
  invariant(first !== undefined, 'a row without an answer')
  const { kind } = target
  const completed = share * completionWeight(target, settings)
  const perToken = completed / (meanTokens ?? first.logs.length)
  if (target.kind === 'general') return distanceLoss(first, perToken, gradient)
  const likelihood = completed > 0 ? likelihoodLoss(first, perToken, settings.kl, gradient) : 0
  if (kind === 'completion') return likelihood
  if (kind === 'rating')
    return likelihood + ratingLoss(first, { share, target, drift }, settings, gradient)
  if (target.kind === 'answers')
    return rewardedLoss(read, { share, target }, settings.beta, gradient)
  const weight = kind === 'preference' ? 1 : settings.correction_weight
  // A correction that was encoded while its weight was 0 has one answer, whatever the weight is now.
  if (weight === 0 || (kind === 'correction' && second === undefined)) return likelihood
  invariant(second !== undefined, 'a pair of one answer')
  return likelihood + pairLoss([first, second], share * weight, settings.beta, gradient)
}

/** The answers that the loss reads, the better one first: of a correction that counts as its text alone, this text. */
export function learnedTexts(
  target: TextTarget,
  { correction_weight }: Pick<GenerationSettings, 'correction_weight'>,
): readonly TargetText[] {
  const texts = textsOf(target)
  return target.kind === 'correction' && correction_weight === 0 ? texts.slice(0, 1) : texts
}

/** Whether the loss reads log ρ. */
export function isComparedWithBase(
  target: TextTarget,
  { correction_weight, kl }: Pick<GenerationSettings, 'correction_weight' | 'kl'>,
): boolean {
  if (kl > 0) return true
  return target.kind === 'correction' ? correction_weight > 0 : target.kind !== 'completion'
}

/** How much the first answer counts as a completion. */
export function completionWeight(
  target: TextTarget,
  { liked_weight }: Pick<GenerationSettings, 'liked_weight'>,
): number {
  if (target.kind === 'rating') return target.rating === 1 ? liked_weight : 0
  return target.kind === 'preference' || target.kind === 'answers' ? 0 : 1
}

function likelihoodLoss(
  { logs, reference, at }: AnswerOutputs,
  part: number,
  kl: number,
  gradient: Float32Array,
): number {
  const isHeld = kl > 0 && reference.length > 0
  let loss = 0
  for (const [token, log] of logs.entries()) {
    const distance = isHeld ? log - (reference[token] ?? 0) : 0
    loss += part * (0.5 * kl * distance * distance - log)
    gradient[at + token] = (gradient[at + token] ?? 0) + part * (kl * distance - 1)
  }
  return loss
}

function distanceLoss(
  { logs, reference, at }: AnswerOutputs,
  part: number,
  gradient: Float32Array,
): number {
  let loss = 0
  for (const [token, log] of logs.entries()) {
    const distance = log - (reference[token] ?? 0)
    loss += 0.5 * part * distance * distance
    gradient[at + token] = (gradient[at + token] ?? 0) + part * distance
  }
  return loss
}

function pairLoss(
  [chosen, rejected]: readonly [AnswerOutputs, AnswerOutputs],
  share: number,
  beta: number,
  gradient: Float32Array,
): number {
  const margin = beta * (rewardOf(chosen) - rewardOf(rejected))
  const slope = -share * beta * sigmoid(-margin)
  addAll(gradient, chosen, slope)
  addAll(gradient, rejected, -slope)
  return share * softplus(-margin)
}

function ratingLoss(
  answer: AnswerOutputs,
  {
    share,
    target,
    drift,
  }: { share: number; target: TextTarget & { kind: 'rating' }; drift: number },
  { beta, up_weight, down_weight }: GenerationSettings,
  gradient: Float32Array,
): number {
  const { rating } = target
  const weight = share * (rating === 1 ? up_weight : down_weight)
  const value = sigmoid(rating * beta * (rewardOf(answer) - drift))
  addAll(gradient, answer, -weight * rating * beta * value * (1 - value))
  return weight * (1 - value)
}

function rewardedLoss(
  read: readonly AnswerOutputs[],
  { share, target }: { share: number; target: TextTarget & { kind: 'answers' } },
  beta: number,
  gradient: Float32Array,
): number {
  const worth = read.map((answer, at) => {
    const { reward = 0 } = target.answers[at] ?? {}
    return reward - beta * rewardOf(answer)
  })
  const mean = worth.reduce((sum, each) => sum + each, 0) / worth.length
  const part = share / (worth.length - 1)
  let squares = 0
  for (const [at, answer] of read.entries()) {
    const above = (worth[at] ?? mean) - mean
    addAll(gradient, answer, -part * above)
    squares += above * above
  }
  return (part * squares) / (2 * beta)
}

/** z = max(0, mean of r) over answers that do not belong to their inputs. */
export function driftOf(outputs: readonly Float32Array[]): number {
  const rewards = outputs.flatMap((row) => answersIn(row).map(rewardOf))
  const sum = rewards.reduce((total, reward) => total + reward, 0)
  return Math.max(0, sum / Math.max(1, rewards.length))
}

/** r(y). */
export function rewardOf({ logs, reference }: AnswerOutputs): number {
  return sumOf(logs) - sumOf(reference)
}

function addAll(gradient: Float32Array, { at, logs }: AnswerOutputs, slope: number): void {
  for (let place = at; place < at + logs.length; place += 1)
    gradient[place] = (gradient[place] ?? 0) + slope
}
