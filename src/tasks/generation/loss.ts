/**
 * What a generation learns from the log-probabilities of an answer's tokens: log π of the adapter, log ρ of the base without it.
 * With r(y) = Σ log π(y) − log ρ(y) over the tokens of an answer y:
 *
 *   completion   −¹⁄ₙ Σ log π            + kl · ¹⁄ₙ Σ ½·(log π − log ρ)²
 *   preference   −log σ(β·(r(chosen) − r(rejected)))
 *   rating  1    up_weight · (1 − σ(β·(r(y) − z)))   + liked_weight · completion
 *   rating −1    down_weight · (1 − σ(β·(z − r(y))))
 *   correction   completion + correction_weight · preference
 *
 * z estimates how far the adapter is from the base, from answers to other inputs, and is not differentiated.
 *
 * Rafailov et al. (2023), "Direct preference optimization", NeurIPS; Ethayarajh et al. (2024), "KTO: model alignment as prospect
 * theoretic optimization", ICML; Schulman (2020), "Approximating KL divergence" (½·d² as its estimate).
 */
import { answersIn, sumOf, type AnswerOutputs } from '../../nn/answer-outputs.ts'
import { invariant } from '../../platform/errors.ts'
import type { GenerationSettings } from './settings.ts'
import type { TextTarget } from './target.ts'

export interface TextLoss {
  readonly target: TextTarget
  readonly outputs: Float32Array
  readonly share: number
  /** z; absent = 0. */
  readonly drift?: number | undefined
}

/** Adds share · ∂L/∂outputs to `gradient`, and returns share · L. */
export function textLoss(
  { target, outputs, share, drift = 0 }: TextLoss,
  settings: GenerationSettings,
  gradient: Float32Array,
): number {
  const [first, second] = answersIn(outputs)
  invariant(first !== undefined, 'a row without an answer')
  const { kind } = target
  if (kind === 'completion') return likelihoodLoss(first, share, settings.kl, gradient)
  if (kind === 'rating') {
    const liked = target.rating === 1 ? share * settings.liked_weight : 0
    return (
      ratingLoss(first, { share, target, drift }, settings, gradient) +
      (liked === 0 ? 0 : likelihoodLoss(first, liked, settings.kl, gradient))
    )
  }
  invariant(second !== undefined, 'a pair of one answer')
  if (kind === 'preference') return pairLoss([first, second], share, settings.beta, gradient)
  const { correction_weight: weight } = settings
  return (
    likelihoodLoss(first, share, settings.kl, gradient) +
    (weight === 0 ? 0 : pairLoss([first, second], share * weight, settings.beta, gradient))
  )
}

function likelihoodLoss(
  { logs, reference, at }: AnswerOutputs,
  share: number,
  kl: number,
  gradient: Float32Array,
): number {
  const part = share / logs.length
  const isHeld = kl > 0 && reference.length > 0
  let loss = 0
  for (const [token, log] of logs.entries()) {
    const distance = isHeld ? log - (reference[token] ?? 0) : 0
    loss += part * (0.5 * kl * distance * distance - log)
    gradient[at + token] = (gradient[at + token] ?? 0) + part * (kl * distance - 1)
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

export function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x))
}

/** log(1 + eˣ). */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}
