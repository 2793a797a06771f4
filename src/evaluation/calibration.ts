/**
 * Calibration: whether answers with a score of 0.8 are right eight times in ten. Answers are counted in 15 bins by
 * score.
 *
 *   ECE = Σ over bins  n_b / n · | accuracy_b − mean score_b |
 *
 * Guo et al. (2017), "On calibration of modern neural networks", ICML.
 */
const BINS = 15

/** Per bin: answers, right ones, the sum of their scores. */
export type BinsState = readonly (readonly [count: number, correct: number, sum: number])[]

export class CalibrationBins {
  readonly #bins: [number, number, number][]

  /** Bins of another width say nothing of these. */
  constructor(state: BinsState = []) {
    const kept = state.length === BINS ? state : []
    this.#bins = Array.from({ length: BINS }, (_, at) => [...(kept[at] ?? ([0, 0, 0] as const))])
  }

  observe(confidence: number, isRight: boolean): void {
    const bin = this.#bins[Math.min(BINS - 1, Math.floor(confidence * BINS))]
    if (bin === undefined) return
    bin[0] += 1
    bin[1] += isRight ? 1 : 0
    bin[2] += confidence
  }

  plus(other: CalibrationBins): CalibrationBins {
    const sum = this.#bins.map(([count, correct, scores], at): BinsState[number] => {
      const [c, r, s] = other.#bins[at] ?? [0, 0, 0]
      return [count + c, correct + r, scores + s]
    })
    return new CalibrationBins(sum)
  }

  report() {
    const total = this.#bins.reduce((sum, [count]) => sum + count, 0)
    const bins = this.#bins.map(([count, correct, sum]) => ({
      count,
      score: count === 0 ? 0 : sum / count,
      accuracy: count === 0 ? 0 : correct / count,
    }))
    const gaps = bins.map(({ count, score, accuracy }) => count * Math.abs(accuracy - score))
    return {
      count: total,
      ece: total === 0 ? 0 : gaps.reduce((sum, gap) => sum + gap, 0) / total,
      bins,
    }
  }

  snapshot(): BinsState {
    return this.#bins.map(([count, correct, sum]) => [count, correct, sum] as const)
  }
}
