/**
 * How long a lease this process asks for. A process that gets little processor time (a CPU limit, a long training step)
 * renews late; with a short lease it would lose it, start again from the checkpoint, and lose it again without ever
 * learning anything. So it asks for longer leases while its own timers run late.
 *
 *   lease = base, or base + 4 · lateness, at most 10 · base
 *
 * The lateness falls by a twentieth with each renewal in time. A process that is gone renews nothing, and its lease ends.
 */
export class LeasePace {
  /** The configured duration. Renewals and looks keep its rhythm. */
  readonly baseMs: number
  #lateMs = 0

  constructor(baseMs: number) {
    this.baseMs = baseMs
  }

  get leaseMs(): number {
    const { baseMs } = this
    if (this.#lateMs < baseMs * NOTICED_AT) return baseMs
    return Math.round(Math.min(baseMs + FACTOR * this.#lateMs, baseMs * MOST))
  }

  /** How much later than planned something happened here. */
  ran(lateMs: number): void {
    this.#lateMs = Math.max(lateMs, this.#lateMs * DECAY)
  }
}

/** In parts of the configured duration. */
const NOTICED_AT = 1 / 6
const MOST = 10
const FACTOR = 4
const DECAY = 0.95
