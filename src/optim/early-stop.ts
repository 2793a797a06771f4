/**
 * Ends an update when more passes bring no gain: after this many in a row without a mean loss below the lowest so far.
 *
 * Prechelt (1998), "Early stopping – but when?", in Neural Networks: Tricks of the Trade; here on the loss of the
 * learned and replayed rows, because an update has no other data to watch.
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
