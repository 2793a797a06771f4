/**
 * The confidence of a closed form's answers: one factor on all logits, fitted online on examples that the head has not
 * learned yet (test, then train), by damped Newton steps on its logarithm.
 *
 *   z = β·r      L = −log softmax(z)_y      dL/dlnβ = E_p[z] − z_y      d²L/dlnβ² ≈ Var_p[z]
 *
 * r are logits with a mean margin of 1 at the class means, so that β starts in the right order of magnitude for every
 * method. The curvature fades, because the evaluated head changes: about a thousand examples count.
 *
 * Guo et al. (2017), "On calibration of modern neural networks", ICML; there on a held-out set at the end.
 */
import { softmax } from '../nn/softmax.ts'
import type { Tensor } from '../contracts/core.ts'

const START = Math.log(10)
const FADING = 0.999
/** As if so much curvature had been seen before; and no example moves lnβ further than this. */
const PRIOR = 10
const FARTHEST = 0.25
const [LEAST, MOST] = [Math.log(0.1), Math.log(1000)]

export class Temperature {
  #logarithm: number
  #curvature = 0

  /** `start`: lnβ before the first example. */
  constructor(start = START) {
    this.#logarithm = Math.fround(start)
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
    const curvature = FADING * this.#curvature + weight * Math.max(0, square - mean * mean)
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
