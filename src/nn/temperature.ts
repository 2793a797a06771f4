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
import { softmax } from './softmax.ts'
import type { Tensor } from '../contracts/core.ts'

/** As if so much curvature had been seen before; and no example moves lnβ further than this. */
const PRIOR = 10
const FARTHEST = 0.25
const [LEAST, MOST] = [Math.log(0.1), Math.log(1000)]

export interface TemperatureStart {
  /** β before the first example. */
  readonly inverse: number
  /** Examples that count, about. */
  readonly memory: number
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
    const gradient = mean - (logits[right] ?? 0)
    const curvature = this.#fading * this.#curvature + weight * Math.max(0, square - mean * mean)
    const step = (weight * gradient) / (curvature + PRIOR)
    const moved = this.#logarithm - Math.max(-FARTHEST, Math.min(FARTHEST, step))
    this.#logarithm = Math.fround(Math.max(LEAST, Math.min(MOST, moved)))
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
