/**
 * How long a lease this process asks for. A process that gets little processor time (a CPU limit, a long training step)
 * renews late; with a short lease it would lose it, start again from the checkpoint, and lose it again without ever
 * learning anything. So it asks for longer leases while its own timers run late.
 *
 *   lease = base, or base + 4 · lateness, at most 10 · base
 *
 * Lateness counts for two leases of timers on time, and for ten if it has happened again within those ten: what stops a
 * process once (a suspended machine, SIGSTOP) says nothing of the next step. A process that is gone renews nothing: its
 * lease ends, or is taken earlier if its daemon is silent too (`fair-leases.ts`).
 */
export class LeasePace {
  /** The configured duration. Renewals and looks keep its rhythm. */
  readonly baseMs: number
  #delays: readonly Delay[] = []

  constructor(baseMs: number) {
    this.baseMs = baseMs
  }

  /** At `nowMs` of the monotonic clock. */
  leaseMs(nowMs: number): number {
    const { baseMs } = this
    const counting = this.#delays.filter(({ endMs, isRepeated }) =>
      isWithin(isRepeated ? REPEATED : ONCE, endMs, { baseMs, nowMs }),
    )
    const lateMs = Math.max(0, ...counting.map((delay) => delay.lateMs))
    return Math.round(Math.min(baseMs + FACTOR * lateMs, baseMs * MOST))
  }

  /** How much later than planned something happened here, now. The leases of a process are late together: delays that overlap are one. */
  ran(lateMs: number, nowMs: number): void {
    const { baseMs } = this
    if (lateMs < baseMs * NOTICED_AT) return
    const known = this.#delays.filter(({ endMs }) => isWithin(REPEATED, endMs, { baseMs, nowMs }))
    const last = known.at(-1)
    const isSame = last !== undefined && nowMs - lateMs <= last.endMs
    const delay = isSame
      ? { ...last, lateMs: Math.max(lateMs, last.lateMs), endMs: nowMs }
      : { lateMs, endMs: nowMs, isRepeated: last !== undefined }
    this.#delays = [...(isSame ? known.slice(0, -1) : known), delay]
  }
}

interface Delay {
  readonly lateMs: number
  readonly endMs: number
  /** There was one before it, not long ago. */
  readonly isRepeated: boolean
}

function isWithin(
  leases: number,
  endMs: number,
  { baseMs, nowMs }: { readonly baseMs: number; readonly nowMs: number },
): boolean {
  return nowMs - endMs < leases * baseMs
}

/** In parts of the configured duration. */
const NOTICED_AT = 1 / 6
const ONCE = 2
const REPEATED = 10
const MOST = 10
const FACTOR = 4
