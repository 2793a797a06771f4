/** How many updates this process has finished, and how long their steps took: for two metrics of the server. */
import type { Verdict } from '../../contracts/release.ts'
import type { Outcome } from '../../learner/learner-types.ts'
import type { Clock } from '../../contracts/core.ts'
import type { LatentRequests } from '../../learner/learner-types.ts'
import type { TrainerStatus, UpdateTimes } from '../contract.ts'

/** More finished updates than the server can miss between two scrapes that are a quarter of a minute apart. */
const KEPT = 64

/** Between two reports that an update goes on: a small model makes hundreds of steps a second. */
const REPORT_MS = 250

export class UpdateClock {
  /** Called before a step that may hold up the process. */
  onStep: () => void = () => undefined
  readonly #clock: Pick<Clock, 'monotonicMs'>
  #reportedMs = -Infinity
  #learning: TrainerStatus['learning']
  #count = 0
  #stepSeconds: readonly number[] = []
  #earlyStops = 0
  #scaledBack = 0
  readonly #verdicts: Record<string, Record<string, number>> = {}

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock
  }

  /** The step that is being made; undefined: no update is under way. */
  get learning(): TrainerStatus['learning'] {
    return this.#learning
  }

  /** The same story, with reports: a step of a language model can hold up its process for longer than it may be silent. */
  *reported<Result>(
    story: LatentRequests<Result>,
    learner: { readonly underWay: NonNullable<TrainerStatus['learning']> },
  ): LatentRequests<Result> {
    let next = story.next()
    while (next.done !== true) {
      this.#learning = learner.underWay
      if (this.#clock.monotonicMs() - this.#reportedMs >= REPORT_MS) {
        this.#reportedMs = this.#clock.monotonicMs()
        this.onStep()
      }
      next = story.next(yield next.value)
    }
    return next.value
  }

  /** The update has ended, its evaluation too. */
  rested(): void {
    this.#learning = undefined
  }

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
