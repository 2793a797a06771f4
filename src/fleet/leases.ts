/**
 * Leases over any keeper: retries until one is granted. It remembers the highest epoch it has seen, so it notices when
 * a keeper lost its data. Then, and when the keeper was away and may return as another, it only watches for the
 * duration of one lease, in which a live holder restores its lease.
 */
import { rest } from '../contracts/core.ts'
import type {
  AcquireOptions,
  Lease,
  LeaseView,
  Leases,
  Granting,
  LeaseAsker,
  LeaseClaim,
} from './contract.ts'
import { HeldLease, type KeeperParts, type PacedKeeping, LeasePace } from './held-lease.ts'

export interface LeasesOptions extends KeeperParts {
  /** The name of this holder, for people. */
  readonly holder: string
  readonly leaseMs: number
  /** A new word without spaces each time. */
  readonly token: () => string
}

/** How soon to retry for a lease that was not released, as a part of its duration. */
const ASK_AT = 1 / 12

export function openLeases(options: LeasesOptions): Leases {
  return new KeptLeases(options)
}

class KeptLeases implements Leases {
  readonly #options: LeasesOptions
  readonly #pace: LeasePace
  readonly #held = new Set<HeldLease>()
  /** Models that were asked for before: from then on this process may hold them itself. */
  readonly #asked = new Set<string>()
  readonly #closed = new AbortController()

  constructor(options: LeasesOptions) {
    this.#options = options
    this.#pace = new LeasePace(options.leaseMs)
  }

  async acquire(model: string, options: AcquireOptions): Promise<Lease> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal])
    signal.throwIfAborted()
    const { holder, token } = this.#options
    const claim = { model, holder, token: token() }
    const succeeds = !this.#asked.has(model)
    this.#asked.add(model)
    const asker = { ...options, succeeds }
    const asking = new Asking(claim, asker, { ...this.#options, pace: this.#pace })
    const lease = await asking.untilGranted(signal)
    this.#held.add(lease)
    lease.ended.addEventListener('abort', () => this.#held.delete(lease), { once: true })
    return lease
  }

  view(model: string): Promise<LeaseView | undefined> {
    return this.#options.keeper.view(model)
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('leases are closed'))
    await Promise.all([...this.#held].map((lease) => lease.release()))
    this.#held.clear()
  }
}

class Asking {
  readonly #claim: Omit<LeaseClaim, 'leaseMs'>
  readonly #with: PacedKeeping
  #floor: number
  #patientAtMs: number | undefined
  #isAway = false
  #succeeds: boolean
  readonly #isGone: AcquireOptions['isGone']
  /** The epoch of a holder that is gone. */
  #gone = 0

  constructor(
    claim: Omit<LeaseClaim, 'leaseMs'>,
    { floor, succeeds, isGone }: Omit<AcquireOptions, 'signal'> & Pick<LeaseAsker, 'succeeds'>,
    keeping: PacedKeeping,
  ) {
    this.#claim = claim
    this.#floor = floor
    this.#succeeds = succeeds
    this.#isGone = isGone
    this.#with = keeping
  }

  async untilGranted(signal: AbortSignal): Promise<HeldLease> {
    const { clock, keeper, pace } = this.#with
    // Not AbortSignal.any: Node 20 keeps something of each such signal for as long as its sources live.
    let pause = new AbortController()
    const wake = () => pause.abort()
    const stop = keeper.onRelease(this.#claim.model, wake)
    signal.addEventListener('abort', wake, { once: true })
    try {
      for (;;) {
        const sentMs = clock.monotonicMs()
        const claim = { ...this.#claim, leaseMs: pace.leaseMs(sentMs) }
        const granting = await this.#ask(claim)
        if (granting?.kind === 'granted')
          return await this.#take(claim, granting.epoch, sentMs, signal)
        const delayMs = this.#pauseAfter(granting)
        await rest(clock, delayMs, pause.signal)
        signal.throwIfAborted()
        if (pause.signal.aborted) pause = new AbortController()
      }
    } finally {
      stop()
      signal.removeEventListener('abort', wake)
    }
  }

  async #ask(claim: LeaseClaim): Promise<Granting | undefined> {
    try {
      const granting = this.#isWaiting() ? await this.#look() : await this.#grant(claim)
      this.#isAway = false
      return granting
    } catch (err) {
      // Once for each absence.
      const { log } = this.#with
      if (!this.#isAway) log.warn({ err, model: this.#claim.model }, 'no lease can be had for now')
      this.#isAway = true
      return undefined
    }
  }

  #isWaiting(): boolean {
    return this.#patientAtMs !== undefined && this.#with.clock.monotonicMs() < this.#patientAtMs
  }

  /** As a successor once: two daemons of one name do not take it from each other for ever. */
  #grant(claim: LeaseClaim): Promise<Granting> {
    const patient = this.#patientAtMs !== undefined
    const asker = { floor: this.#floor, patient, succeeds: this.#succeeds, gone: this.#gone }
    this.#succeeds = false
    return this.#with.keeper.grant(claim, asker)
  }

  async #look(): Promise<Granting> {
    const { clock, keeper } = this.#with
    const by = await keeper.view(this.#claim.model)
    return by === undefined
      ? { kind: 'forgot' }
      : { kind: 'held', by, forMs: by.expiresMs - clock.nowMs() }
  }

  /** The caller no longer wants it: release it immediately. */
  async #take(
    claim: LeaseClaim,
    epoch: number,
    sentMs: number,
    signal: AbortSignal,
  ): Promise<HeldLease> {
    const lease = new HeldLease(claim, epoch, sentMs, this.#with)
    if (!signal.aborted) return lease
    await lease.release()
    throw signal.reason
  }

  #pauseAfter(granting: Granting | undefined): number {
    const { baseMs: leaseMs } = this.#with.pace
    const patientAtMs = this.#with.clock.monotonicMs() + leaseMs
    if (granting === undefined) this.#patientAtMs = patientAtMs
    if (granting?.kind === 'forgot') this.#patientAtMs ??= patientAtMs
    if (granting?.kind !== 'held') return leaseMs * ASK_AT
    this.#patientAtMs = undefined
    this.#floor = Math.max(this.#floor, granting.by.epoch)
    this.#gone = this.#goneEpoch(granting)
    return Math.min(Math.max(granting.forMs, 1), leaseMs * ASK_AT)
  }

  /** Only of a lease that is longer than the configured one: any other ends as soon by itself. */
  #goneEpoch({ by, forMs }: Extract<Granting, { readonly kind: 'held' }>): number {
    const { model } = this.#claim
    const { log, pace } = this.#with
    if (forMs <= pace.baseMs || this.#isGone?.(by.holder) !== true) return 0
    if (this.#gone !== by.epoch) {
      const message =
        'the daemon that has the model is gone: not waiting for the end of its longer lease'
      log.warn({ model, holder: by.holder, forMs }, message)
    }
    return by.epoch
  }
}
