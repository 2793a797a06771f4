/**
 * How likely a label is wrong, by the margin with which the other examples support it. A wrong label has the margin that the
 * right one would have, with the other sign, so the margins of all are a mixture of two mirrored bells:
 *
 *   m ~ (1 − ρ)·N(µ, σ²) + ρ·N(−µ, σ²)          ρ: share of wrong labels, by expectation–maximisation
 *   P(wrong | m) = 1 / (1 + ((1 − ρ) / ρ)·exp(k·m)),   k = 2µ / σ²
 *
 * Where labels are clean, nearly every contradicted one is a right label of a hard example; where a fifth is wrong, most are
 * not. Dempster, Laird & Rubin (1977), JRSS B 39(1).
 */

/** Most of the share: if half of the labels were wrong, they would mean the opposite. */
const [LEAST, MOST] = [0.005, 0.45]
const START = 0.1
const STEPS = 60

export class TargetNoise {
  /** ρ */
  readonly share: number
  /** k */
  readonly #steepness: number

  constructor(share: number, steepness: number) {
    this.share = share
    this.#steepness = steepness
  }

  /** `margins`: of examples that had no say in them; as many weights. */
  static of(margins: Float64Array, weights: Float64Array): TargetNoise {
    const mean = (of: (margin: number) => number) => meanOf(margins, weights, of)
    // E(m ∓ µ)² over both bells = E m² − µ², where µ is the mean of the mirrored margins.
    const square = mean((margin) => margin ** 2)
    let fitted = new TargetNoise(START, steepness(mean(Math.abs), square))
    for (let step = 0; step < STEPS; step += 1) {
      const before = fitted
      const mirrored = (margin: number) => margin * (1 - 2 * before.wrong(margin))
      const share = mean((margin) => before.wrong(margin))
      fitted = new TargetNoise(
        Math.max(LEAST, Math.min(MOST, share)),
        steepness(mean(mirrored), square),
      )
    }
    return fitted
  }

  /** `share`: of wrong labels among such, where it is not that of all. */
  wrong(margin: number, share = this.share): number {
    if (share <= 0) return 0
    return 1 / (1 + ((1 - share) / share) * Math.exp(this.#steepness * margin))
  }

  /** How often what is so sure contradicts a right label. */
  error(sureness: number): number {
    return this.wrong(sureness, 0.5)
  }
}

/** k of a centre µ. */
function steepness(centre: number, square: number): number {
  const variance = square - centre ** 2
  return variance > 1e-12 ? (2 * Math.max(0, centre)) / variance : 0
}

function meanOf(values: Float64Array, weights: Float64Array, of: (value: number) => number) {
  let [sum, total] = [0, 0]
  for (const [at, weight] of weights.entries()) {
    sum += weight * of(values[at] ?? 0)
    total += weight
  }
  return total === 0 ? 0 : sum / total
}
