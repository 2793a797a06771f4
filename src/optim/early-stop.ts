/**
 * Ends an update when more of it brings no gain: after this many passes in a row without a mean loss of the learned and
 * replayed rows below the lowest so far, or after this many steps without a lower loss of held-out rows.
 *
 * Prechelt (1998), "Early stopping – but when?", in Neural Networks: Tricks of the Trade.
 */
import type { StepResult } from '../contracts/adapter.ts'

export class EarlyStop {
  readonly #patience: number
  #lowest = Infinity
  /** Passes since the lowest. */
  #since = 0
  #sum = 0
  #steps = 0

  /** 0 = never. */
  constructor(patience: number) {
    this.#patience = patience
  }

  /** A step of the present pass. Dropped ones say nothing. */
  saw({ loss, dropped }: StepResult): void {
    if (dropped) return
    this.#sum += loss
    this.#steps += 1
  }

  /** Asked after each pass. */
  isDue(): boolean {
    const mean = this.#steps === 0 ? Infinity : this.#sum / this.#steps
    this.#since = mean < this.#lowest ? 0 : this.#since + 1
    this.#lowest = Math.min(mean, this.#lowest)
    this.#sum = 0
    this.#steps = 0
    return this.#patience > 0 && this.#since >= this.#patience
  }
}

/** Watches rows that nothing trains on. */
export class HeldOutStop {
  readonly #patience: number
  #lowest = Infinity
  /** Steps since the lowest. */
  #since = 0

  /** 0 = never. */
  constructor(patience: number) {
    this.#patience = patience
  }

  get isOn(): boolean {
    return this.#patience > 0
  }

  get isDue(): boolean {
    return this.isOn && this.#since >= this.#patience
  }

  /** The mean loss of the held-out rows after a step; whether it is the lowest so far. */
  saw(loss: number): boolean {
    const isLowest = loss < this.#lowest
    this.#since = isLowest ? 0 : this.#since + 1
    this.#lowest = Math.min(loss, this.#lowest)
    return isLowest
  }
}
