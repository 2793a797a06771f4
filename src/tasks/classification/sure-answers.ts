/**
 * How many answers are sure, and how many of these are right. An answer is unsure if its score is below the threshold:
 * a person, or a slower model, should look at it (selective classification).
 *
 *   coverage = sure / all      accuracy = right and sure / sure
 *
 * El-Yaniv & Wiener (2010), "On the foundations of noise-free selective classification", JMLR 11.
 */

/** Counts under another threshold say nothing of this one. */
export type SureState = readonly [threshold: number, all: number, sure: number, right: number]

export interface SureReport {
  readonly threshold: number
  readonly coverage: number
  /** Null where no answer was sure. */
  readonly accuracy: number | null
}

export class SureAnswers {
  #state: SureState

  constructor(threshold: number, state?: SureState | null) {
    this.#state = state?.[0] === threshold ? state : [threshold, 0, 0, 0]
  }

  observe(score: number, isRight: boolean): void {
    const [threshold, all, sure, right] = this.#state
    const isSure = score >= threshold
    this.#state = [threshold, all + 1, sure + Number(isSure), right + Number(isSure && isRight)]
  }

  plus(other: SureAnswers): SureAnswers {
    const [threshold, all, sure, right] = this.#state
    const [, a, s, r] = other.#state
    return new SureAnswers(threshold, [threshold, all + a, sure + s, right + r])
  }

  report(): SureReport {
    const [threshold, all, sure, right] = this.#state
    return {
      threshold,
      coverage: all === 0 ? 0 : sure / all,
      accuracy: sure === 0 ? null : right / sure,
    }
  }

  snapshot(): SureState {
    return this.#state
  }
}
