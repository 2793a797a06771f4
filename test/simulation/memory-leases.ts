/**
 * A keeper of leases in memory that follows the rules of `LeaseKeeper`, for simulations: it can forget everything, and a
 * question can get lost on the way there, or its answer on the way back. The leases over it are the real ones.
 */
import type { Clock, Logger } from '../../src/contracts/core.ts'
import type {
  Leases,
  LeaseView,
  Granting,
  LeaseAsker,
  LeaseClaim,
  LeaseKeeper,
} from '../../src/fleet/contract.ts'
import { openLeases } from '../../src/fleet/leases.ts'
import { failure } from '../../src/platform/errors.ts'

/** What becomes of one question. */
export type Fate = 'answered' | 'never arrived' | 'answer lost'

interface Row {
  readonly token: string
  readonly holder: string
  readonly epoch: number
  readonly endsMs: number
}

export class MemoryKeeper implements LeaseKeeper {
  readonly #clock: Clock
  readonly #rows = new Map<string, Row>()
  readonly #epochs = new Map<string, number>()
  readonly #waiting = new Map<string, Set<() => void>>()
  /** Decides over each question; a simulation sets it. */
  fate: (question: 'grant' | 'renew' | 'release' | 'view', claim?: LeaseClaim) => Fate = () =>
    'answered'

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** FLUSHALL. */
  forget(): void {
    this.#rows.clear()
    this.#epochs.clear()
  }

  /** The highest epoch granted, as a store asks that fences. */
  epoch(model: string): number {
    return this.#epochs.get(model) ?? 0
  }

  grant(claim: LeaseClaim, asker: LeaseAsker): Promise<Granting> {
    return this.#ask('grant', claim, () => {
      const held = this.#row(claim.model)
      const isOver = (asker.succeeds && held?.holder === claim.holder) || held?.epoch === asker.gone
      const row = isOver && held.token !== claim.token ? undefined : held
      if (row !== undefined && row.token !== claim.token) {
        const forMs = row.endsMs - this.#clock.monotonicMs()
        return { kind: 'held', by: this.#viewOf(row), forMs }
      }
      const stored = this.epoch(claim.model)
      if (row === undefined && stored < asker.floor && !asker.patient) return { kind: 'forgot' }
      const epoch = row?.epoch ?? Math.max(stored, asker.floor) + 1
      this.#hold(claim, epoch)
      return { kind: 'granted', epoch }
    })
  }

  renew(claim: LeaseClaim, epoch: number): Promise<boolean> {
    return this.#ask('renew', claim, () => {
      const row = this.#row(claim.model)
      const isOthers = row !== undefined && row.token !== claim.token && row.epoch >= epoch
      if (this.epoch(claim.model) > epoch || isOthers) return false
      this.#hold(claim, epoch)
      return true
    })
  }

  release(claim: LeaseClaim): Promise<void> {
    return this.#ask('release', claim, () => {
      if (this.#row(claim.model)?.token !== claim.token) return
      this.#rows.delete(claim.model)
      for (const wake of this.#waiting.get(claim.model) ?? []) wake()
    })
  }

  view(model: string): Promise<LeaseView | undefined> {
    return this.#ask('view', undefined, () => {
      const row = this.#row(model)
      return row && this.#viewOf(row)
    })
  }

  onRelease(model: string, wake: () => void): () => void {
    const waiting = this.#waiting.get(model) ?? new Set()
    this.#waiting.set(model, waiting.add(wake))
    return () => waiting.delete(wake)
  }

  async #ask<Answer>(
    question: Parameters<MemoryKeeper['fate']>[0],
    claim: LeaseClaim | undefined,
    answer: () => Answer,
  ): Promise<Answer> {
    const fate = this.fate(question, claim)
    const outcome = fate === 'never arrived' ? undefined : { answer: answer() }
    if (fate === 'answered' && outcome !== undefined) return outcome.answer
    throw failure('REDIS_UNAVAILABLE', `${question}: ${fate}`)
  }

  #row(model: string): Row | undefined {
    const row = this.#rows.get(model)
    return row !== undefined && row.endsMs > this.#clock.monotonicMs() ? row : undefined
  }

  #hold({ model, token, holder, leaseMs }: LeaseClaim, epoch: number): void {
    const endsMs = this.#clock.monotonicMs() + leaseMs
    this.#rows.set(model, { token, holder, epoch, endsMs })
    this.#epochs.set(model, Math.max(epoch, this.epoch(model)))
  }

  #viewOf({ holder, epoch, endsMs }: Row): LeaseView {
    const expiresMs = this.#clock.nowMs() + endsMs - this.#clock.monotonicMs()
    return { holder, epoch, expiresMs }
  }
}

/** One daemon's leases over a keeper that several share. */
export function openMemoryLeases(options: {
  readonly keeper: MemoryKeeper
  readonly holder: string
  readonly leaseMs: number
  readonly clock: Clock
  readonly log: Logger
}): Leases {
  return openLeases({ ...options, token: () => `${options.holder}-${String((tokens += 1))}` })
}

let tokens = 0
