/** Shares of a row of logits in double precision, shifted by the greatest so that nothing overflows. */
import type { Tensor } from '../contracts/core.ts'
import { BLOCK, exponentiateLent, lentExponentials } from './js/wasm/lent.ts'
import { sigmoid } from './sigmoid.ts'

/** Shorter rows cost less in a loop than copied for a kernel, which gives the same bits. */
const FEWEST_LENT = 12

/** exp(zᵢ) / Σ exp(zⱼ); of nothing, nothing. */
export function softmax(logits: ArrayLike<number>): number[] {
  const total = logSumExp(logits)
  const shares = new Array<number>(logits.length).fill(0)
  for (let at = 0; at < shares.length; at += 1) shares[at] = Math.exp((logits[at] ?? 0) - total)
  return shares
}

/** log Σ exp(zⱼ); −∞ of nothing. */
export function logSumExp(logits: ArrayLike<number>): number {
  const top = largestOf(logits)
  return logits.length === 0 ? top : top + Math.log(exponentiate(logits, top))
}

/** What `exponentiate` has written last, from the beginning: kept for the gradient, because it takes most of the time of a loss. */
export const exponentials: { parts: Float64Array } = { parts: new Float64Array() }

let own = exponentials.parts

/** Writes exp(zᵢ − top), for the greatest logit `top`, into `exponentials.parts`; the sum of them. */
export function exponentiate(logits: ArrayLike<number>, top: number): number {
  const { length } = logits
  if (length >= FEWEST_LENT && length <= BLOCK && logits instanceof Float32Array) {
    exponentials.parts = lentExponentials
    return exponentiateLent(logits, top)
  }
  if (own.length < length) own = new Float64Array(2 * length)
  const parts = (exponentials.parts = own)
  let sum = 0
  // In a loop, because it is computed for every row of every step.
  for (let at = 0; at < length; at += 1) sum += parts[at] = Math.exp((logits[at] ?? 0) - top)
  return sum
}

/** −∞ of nothing. NaN is passed over: its exponential makes the sum NaN. */
export function largestOf(logits: ArrayLike<number>): number {
  let top = -Infinity
  // eslint-disable-next-line @typescript-eslint/prefer-for-of -- an iterator takes several times as long
  for (let at = 0; at < logits.length; at += 1) {
    const logit = logits[at] ?? 0
    // `Math.max` would look at signs of zero too, for every row of every step.
    if (logit > top) top = logit
  }
  return top
}

/**
 * Temperature scaling: one factor on all logits makes scores probabilities. It is fitted online on examples that the
 * head has not learned yet (test, then train), by damped Newton steps on its logarithm, and leaves the order of the
 * answers as it is.
 *
 *   z = β·r      L = −log softmax(z)_y      dL/dlnβ = E_p[z] − z_y      d²L/dlnβ² ≈ Var_p[z]      β = 1 / temperature
 *
 * The curvature fades, because the evaluated head changes: `memory` examples count.
 *
 * Guo et al. (2017), "On calibration of modern neural networks", ICML; there on a held-out set at the end.
 */

/** As if so much curvature had been seen before; and no example moves lnβ further than this. */
const PRIOR = 10
const FARTHEST = 0.25
const [LEAST, MOST] = [Math.log(0.1), Math.log(1000)]

interface TemperatureStart {
  /** β before the first example. */
  readonly inverse: number
  /** Examples that count, about. */
  readonly memory: number
}

/** `prior`: b, the logit without evidence. */
interface IndependentAnswer {
  readonly logit: number
  readonly prior: number
  readonly holds: boolean
}

export class Temperature {
  readonly #fading: number
  #logarithm: number
  #curvature = 0

  constructor({ inverse, memory }: TemperatureStart) {
    this.#logarithm = Math.fround(Math.log(inverse))
    this.#fading = 1 - 1 / memory
  }

  /** β */
  get inverse(): number {
    return Math.exp(this.#logarithm)
  }

  /** The logits that were answered, multiplied by the present β, and the place of the right one among them. */
  observe(logits: Float32Array, right: number, weight: number): void {
    const shares = softmax(logits)
    let [mean, square] = [0, 0]
    for (const [at, logit] of logits.entries()) {
      mean += (shares[at] ?? 0) * logit
      square += (shares[at] ?? 0) * logit * logit
    }
    this.#move(mean - (logits[right] ?? 0), square - mean * mean, weight)
  }

  /**
   * The same of answers that are independent, each with a logit β·r + b:
   *
   *   dL/dlnβ = Σ (p − y)·β·r      d²L/dlnβ² ≈ Σ p·(1 − p)·(β·r)²
   */
  observeEach(answers: readonly IndependentAnswer[], weight: number): void {
    let [gradient, curvature] = [0, 0]
    for (const { logit, prior, holds } of answers) {
      const [p, scaled] = [sigmoid(logit), logit - prior]
      gradient += (p - Number(holds)) * scaled
      curvature += p * (1 - p) * scaled * scaled
    }
    this.#move(gradient, curvature, weight)
  }

  #move(gradient: number, seen: number, weight: number): void {
    const curvature = this.#fading * this.#curvature + weight * Math.max(0, seen)
    const step = (weight * gradient) / (curvature + PRIOR)
    const moved = this.#logarithm - Math.max(-FARTHEST, Math.min(FARTHEST, step))
    this.#logarithm = Math.fround(Math.max(LEAST, Math.min(MOST, moved)))
    this.#curvature = Math.fround(curvature)
  }

  /** As if their examples had come here: the mean of lnβ, each weighed by its curvature, which is its precision. */
  pool(others: readonly Temperature[]): void {
    const all = [this, ...others]
    const curvature = all.reduce((sum, each) => sum + each.#curvature, 0)
    if (curvature === 0) return
    const sum = all.reduce((part, each) => part + each.#curvature * each.#logarithm, 0)
    this.#logarithm = Math.fround(sum / curvature)
    this.#curvature = Math.fround(curvature)
  }

  snapshot(): Tensor {
    return { shape: [2], data: Float32Array.of(this.#logarithm, this.#curvature) }
  }

  restore({ data }: Tensor): void {
    this.#logarithm = data[0] ?? this.#logarithm
    this.#curvature = data[1] ?? this.#curvature
  }
}
