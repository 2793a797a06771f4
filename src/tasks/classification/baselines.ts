/**
 * The trivial baselines: answering the most frequent label so far, or the last one. A model that does not beat both has
 * learned little; on a stream with repeated labels, the second is hard to beat.
 */
import type { Baseline } from './report.ts'
import {
  accuraciesOf,
  noAccuracy,
  observed,
  type AccuracyState,
} from '../../evaluation/running-accuracy.ts'

/** More labels are not counted. */
const MOST_LABELS = 1024

export interface BaselinesState {
  readonly [key: string]: string | null | AccuracyState | readonly (readonly [string, number])[]
  readonly majority: string | null
  readonly last: string | null
  readonly counts: readonly (readonly [label: string, count: number])[]
  readonly byMajority: AccuracyState
  readonly byLast: AccuracyState
}

export class Baselines {
  #counts = new Map<string, number>()
  #majority: string | null = null
  #last: string | null = null
  #byMajority = noAccuracy
  #byLast = noAccuracy

  /** Test, then count. */
  observe(label: string): void {
    this.#byMajority = observed(this.#byMajority, Number(label === this.#majority))
    this.#byLast = observed(this.#byLast, Number(label === this.#last))
    this.#last = label
    const before = this.#counts.get(label)
    if (before === undefined && this.#counts.size >= MOST_LABELS) return
    const count = (before ?? 0) + 1
    this.#counts.set(label, count)
    if (count > (this.#counts.get(this.#majority ?? label) ?? 0) || this.#majority === null)
      this.#majority = label
  }

  report(): { readonly majority: Baseline; readonly last_label: Baseline } {
    return {
      majority: { label: this.#majority, ...accuraciesOf(this.#byMajority) },
      last_label: { label: this.#last, ...accuraciesOf(this.#byLast) },
    }
  }

  snapshot(): BaselinesState {
    return {
      majority: this.#majority,
      last: this.#last,
      counts: [...this.#counts],
      byMajority: this.#byMajority,
      byLast: this.#byLast,
    }
  }

  restore({ majority, last, counts, byMajority, byLast }: BaselinesState): void {
    this.#majority = majority
    this.#last = last
    this.#counts = new Map(counts)
    this.#byMajority = byMajority
    this.#byLast = byLast
  }
}
