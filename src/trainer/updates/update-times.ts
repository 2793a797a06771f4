/** How many updates this process has finished, and how long their steps took: for two metrics of the server. */
import type { Verdict } from '../../contracts/release.ts'
import type { Outcome } from '../../learner/learner-types.ts'
import type { UpdateTimes } from '../contract.ts'

/** More finished updates than the server can miss between two scrapes that are a quarter of a minute apart. */
const KEPT = 64

export class UpdateClock {
  #count = 0
  #stepSeconds: readonly number[] = []
  #earlyStops = 0
  #scaledBack = 0
  readonly #verdicts: Record<string, Record<string, number>> = {}

  /** An update took `ms` for its steps. */
  finished(ms: number, { steps, isStopped }: Pick<Outcome, 'steps' | 'isStopped'>): void {
    this.#count += 1
    if (isStopped === true) this.#earlyStops += 1
    this.#stepSeconds = [...this.#stepSeconds, ms / 1000 / Math.max(1, steps)].slice(-KEPT)
  }

  scaledBack(): void {
    this.#scaledBack += 1
  }

  decided(verdicts: readonly Verdict[] = []): void {
    for (const { policy, verdict } of verdicts) {
      const counts = (this.#verdicts[policy] ??= {})
      counts[verdict] = (counts[verdict] ?? 0) + 1
    }
  }

  get shown(): UpdateTimes {
    const verdicts = structuredClone(this.#verdicts)
    return {
      count: this.#count,
      stepSeconds: this.#stepSeconds,
      verdicts,
      earlyStops: this.#earlyStops,
      scaledBack: this.#scaledBack,
    }
  }
}
