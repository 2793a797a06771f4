/**
 * Measures the cost of updates, and says when the budget of the last hour is spent. CPU time is that of the whole
 * trainer process during the update, all threads included; updates of its models take turns.
 */
import {
  hourOf,
  noCompute,
  roomAtMs,
  withCost,
  type Cost,
} from '../../evaluation/compute-ledger.ts'
import type { ComputeReport } from '../contract.ts'
import type { LoopParts } from '../parts.ts'
import type { TrainerProgress } from '../trainer-progress.ts'

type MeterParts = Pick<LoopParts, 'clock' | 'compute'>

export interface UpdateCost {
  /** Training is done; what follows is evaluation. */
  trained(): void
  /** The update is done; its cost becomes part of the next checkpoint. */
  ended(): Cost | undefined
}

const unmeasured: UpdateCost = { trained: () => undefined, ended: () => undefined }

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
