/** What updates take: the time of their steps, for two metrics of the server, and their cost, for the budget of an hour. */
import type { Verdict } from '../../contracts/release.ts'
import type { Outcome, LatentRequests } from '../../learner/learner-types.ts'
import type { Clock } from '../../contracts/core.ts'
import type { TrainerStatus, UpdateTimes, ComputeReport } from '../contract.ts'
import {
  hourOf,
  noCompute,
  roomAtMs,
  withCost,
  type Cost,
} from '../../evaluation/compute-ledger.ts'
import type { LoopParts } from '../parts.ts'
import type { TrainerProgress } from '../trainer-progress.ts'

/** More finished updates than the server can miss between two scrapes that are a quarter of a minute apart. */
const KEPT = 64

/** Between two reports that an update goes on: a small model makes hundreds of steps a second. */
const REPORT_MS = 250

/** How many updates this process has finished, and how long their steps took. */
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
    updates: { readonly underWay: NonNullable<TrainerStatus['learning']> },
  ): LatentRequests<Result> {
    let next = story.next()
    while (next.done !== true) {
      this.#learning = updates.underWay
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

type MeterParts = Pick<LoopParts, 'clock' | 'compute'>

interface UpdateCost {
  /** Training is done; what follows is evaluation. */
  trained(): void
  /** The update is done; its cost becomes part of the next checkpoint. */
  ended(): Cost | undefined
}

const unmeasured: UpdateCost = { trained: () => undefined, ended: () => undefined }

/**
 * Measures the cost of updates, and says when the budget of the last hour is spent. CPU time is that of the whole
 * trainer process during the update, all threads included; updates of its models take turns.
 */
export class ComputeMeter {
  readonly #parts: MeterParts
  readonly #progress: TrainerProgress

  constructor(parts: MeterParts, progress: TrainerProgress) {
    this.#parts = parts
    this.#progress = progress
  }

  /** An update begins. */
  begin(): UpdateCost {
    const { cpuSeconds } = this.#parts.compute ?? {}
    if (cpuSeconds === undefined) return unmeasured
    const begun = cpuSeconds()
    let trained: number | undefined
    return {
      trained: () => (trained = cpuSeconds()),
      ended: () => {
        const now = cpuSeconds()
        const middle = trained ?? now
        return this.#spend({ training: middle - begun, evaluation: now - middle })
      },
    }
  }

  /** The next update has to wait until the last hour has room. */
  get isSpent(): boolean {
    const { perHour } = this.#parts.compute ?? {}
    return perHour !== undefined && hourOf(this.#state, this.#nowMs) >= perHour
  }

  /** Undefined if nothing is measured. */
  get report(): ComputeReport | undefined {
    const { compute } = this.#parts
    if (compute === undefined) return undefined
    const { perHour } = compute
    const { training, evaluation } = this.#state
    const room = perHour === undefined ? undefined : roomAtMs(this.#state, perHour, this.#nowMs)
    return {
      training,
      evaluation,
      lastHour: hourOf(this.#state, this.#nowMs),
      ...(perHour !== undefined && { perHour }),
      ...(room !== undefined && { roomAtMs: room }),
    }
  }

  #spend(cost: Cost): Cost {
    this.#progress.computed(withCost(this.#state, cost, this.#nowMs))
    return cost
  }

  get #state() {
    return this.#progress.state.compute ?? noCompute
  }

  get #nowMs(): number {
    return this.#parts.clock.nowMs()
  }
}
