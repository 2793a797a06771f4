/**
 * A held lease: renewed at a third of its duration, and given up by its holder before the keeper would expire it,
 * counted from the sending of the last successful renewal. A renewal without an answer has an unknown result and is
 * retried until then.
 *
 * Time is monotonic, so a jumping wall clock changes nothing; and `check` reads it, because after a stop of the whole
 * process no timer has fired yet.
 */
import { rest, type Clock, type CodedError, type Logger } from '../contracts/core.ts'
import { failure } from '../platform/errors.ts'
import type { Lease, LeaseClaim, LeaseKeeper } from './contract.ts'

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

/** The holder's own deadline is earlier by this part: clocks of two machines run at slightly different speeds. */
const MARGIN = 0.1
const RENEW_AT = 1 / 3
const RETRY_AT = 1 / 12

export interface KeeperParts {
  readonly keeper: LeaseKeeper
  readonly clock: Clock
  readonly log: Logger
}

/** Of one process. */
export interface PacedKeeping extends KeeperParts {
  readonly pace: LeasePace
}

export class HeldLease implements Lease {
  readonly model: string
  readonly epoch: number
  readonly #claim: LeaseClaim
  readonly #with: PacedKeeping
  readonly #lost = new AbortController()
  readonly #ended = new AbortController()
  #endsMs: number
  /** When the next renewal should go; Infinity while one has no answer yet. */
  #plannedMs = Infinity
  #isSlow = false
  #release: Promise<void> | undefined

  /** `sentMs`: the monotonic time before the request. */
  constructor(claim: LeaseClaim, epoch: number, sentMs: number, keeping: PacedKeeping) {
    this.model = claim.model
    this.epoch = epoch
    this.#claim = claim
    this.#with = keeping
    this.#endsMs = endOf(sentMs, claim.leaseMs)
    void this.#renew()
    void this.#watch()
  }

  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** Lost or released. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  check(): void {
    this.#expire()
    if (this.#lost.signal.aborted) throw this.#lost.signal.reason
    if (this.#release !== undefined) throw this.#failure('was released')
  }

  release(): Promise<void> {
    this.#release ??= this.#letGo()
    return this.#release
  }

  async #letGo(): Promise<void> {
    this.#ended.abort()
    // Also a lost one: its last renewal may have landed after all.
    await this.#with.keeper.release(this.#claim, this.epoch).catch((err: unknown) => {
      this.#with.log.debug({ err, model: this.model }, 'the lease expires')
    })
  }

  async #renew(): Promise<void> {
    const { clock, keeper, log, pace } = this.#with
    let pauseMs = pace.baseMs * RENEW_AT
    while (await this.#paused(pauseMs)) {
      const sentMs = clock.monotonicMs()
      if (sentMs >= this.#endsMs) break
      try {
        const leaseMs = pace.leaseMs(sentMs)
        this.#noteSlow(leaseMs)
        const isMine = await keeper.renew({ ...this.#claim, leaseMs }, this.epoch)
        // An answer after the deadline is too late: writes that were refused meanwhile must stay refused.
        if (isMine && clock.monotonicMs() < this.#endsMs) this.#endsMs = endOf(sentMs, leaseMs)
        if (!isMine) this.#lose('was taken by another')
        pauseMs = pace.baseMs * RENEW_AT
      } catch (err) {
        log.debug({ err, model: this.model }, 'a renewal without an answer')
        pauseMs = pace.baseMs * RETRY_AT
      }
    }
  }

  /** False when there is nothing left to wait for. */
  async #paused(pauseMs: number): Promise<boolean> {
    this.#plannedMs = this.#with.clock.monotonicMs() + pauseMs
    const goesOn = await this.#rest(pauseMs)
    this.#noteLate()
    return goesOn
  }

  #noteLate(): void {
    const nowMs = this.#with.clock.monotonicMs()
    this.#with.pace.ran(nowMs - this.#plannedMs, nowMs)
    this.#plannedMs = Infinity
  }

  #noteSlow(leaseMs: number): void {
    const isSlow = leaseMs > this.#with.pace.baseMs
    if (isSlow && !this.#isSlow) {
      const message = 'this process gets little processor time: it asks for longer leases'
      this.#with.log.warn({ model: this.model, leaseMs }, message)
    }
    this.#isSlow = isSlow
  }

  /** Independent of the renewal, which may be waiting for an answer at the deadline. */
  async #watch(): Promise<void> {
    const { clock } = this.#with
    while (await this.#rest(this.#endsMs - clock.monotonicMs())) this.#expire()
  }

  #expire(): void {
    const nowMs = this.#with.clock.monotonicMs()
    const lateMs = nowMs - this.#endsMs
    if (this.#isOver() || lateMs < 0) return
    this.#noteLate()
    // A renewal may have had no answer yet, and no time.
    this.#with.pace.ran(lateMs, nowMs)
    this.#lose('was not renewed in time')
  }

  /** False when there is nothing left to wait for. */
  #rest(delayMs: number): Promise<boolean> {
    return rest(this.#with.clock, Math.max(1, delayMs), this.#ended.signal)
  }

  #isOver(): boolean {
    return this.#ended.signal.aborted
  }

  #lose(how: string): void {
    if (this.#isOver()) return
    this.#ended.abort()
    this.#with.log.warn({ model: this.model, epoch: this.epoch }, `the lease ${how}`)
    this.#lost.abort(this.#failure(how))
  }

  #failure(how: string): CodedError {
    return failure('LEASE_LOST', `the lease of ${this.model}, epoch ${this.epoch}, ${how}`, {
      details: { model: this.model, epoch: this.epoch },
    })
  }
}

function endOf(sentMs: number, leaseMs: number): number {
  return sentMs + leaseMs * (1 - MARGIN)
}
