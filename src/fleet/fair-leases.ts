/**
 * Leases of a daemon that takes only its share of the models while others are alive to take theirs. A new daemon gets
 * its share from the others, which give back surplus models; the models of a leaving one go to the rest.
 *
 * Only the lease decides who may write; this decides only which daemon tries to acquire it. An error here costs time,
 * never a doubled event.
 */
import { rest, type Clock, type Logger } from '../contracts/core.ts'
import type { AcquireOptions, Lease, Leases } from './contract.ts'
import type { Redis } from '../platform/redis/redis.ts'
import { DAEMONS, openMembership, sinceCalls, type Present, type Membership } from './membership.ts'
import { Shares } from './shares.ts'
import { closeAll } from '../platform/closers.ts'

export interface FairLeasesOptions {
  readonly leases: Leases
  readonly redis: Redis
  readonly replica: string
  /** Identifies this process among those of the replica, such as its pid. */
  readonly instance: string
  /** The models that it can train now, without those that failed for good. */
  readonly models: () => readonly string[]
  readonly leaseMs: number
  readonly clock: Clock
  readonly log: Logger
}

export interface FairLeases extends Leases {
  /** Resolves when another daemon should have the model: save, copy, release. Rejects when aborted. */
  giveBack(lease: Lease, signal: AbortSignal): Promise<void>
}

interface TrainerCard {
  readonly replica: string
  readonly models: readonly string[]
  readonly holds: readonly string[]
}

/** In parts of a lease's duration. A daemon that died has left the membership when its leases expire. */
const CALL_AT = 1 / 6
const SETTLED_AT = 1 / 2

export function openFairLeases(options: FairLeasesOptions): FairLeases {
  return new SharingLeases(options)
}

class SharingLeases implements FairLeases {
  readonly #options: FairLeasesOptions
  readonly #membership: Membership<TrainerCard>
  readonly #shares: Shares
  readonly #silence: Silence
  readonly #holds = new Set<string>()
  readonly #closed = new AbortController()
  readonly #looking: Promise<void>
  #waiting: (() => void)[] = []

  constructor(options: FairLeasesOptions) {
    const { replica, instance, leaseMs, clock } = options
    this.#options = options
    this.#shares = new Shares({ replica, settledMs: leaseMs * SETTLED_AT, leaseMs })
    this.#silence = new Silence(leaseMs)
    this.#membership = openMembership<TrainerCard>({
      ...options,
      room: 'trainers',
      name: `${replica}/${instance}`,
      card: () => ({ replica, models: options.models(), holds: [...this.#holds] }),
      everyMs: leaseMs * CALL_AT,
      lifeMs: leaseMs,
    })
    this.#looking = this.#look(clock)
  }

  async acquire(model: string, options: AcquireOptions): Promise<Lease> {
    const signal = AbortSignal.any([options.signal, this.#closed.signal])
    for (;;) {
      await this.#until(() => this.#shares.wants(model), signal)
      const lease = await this.#whileWanted(model, options.floor, signal)
      if (lease !== undefined) return this.#hold(lease)
    }
  }

  view(model: string) {
    return this.#options.leases.view(model)
  }

  async giveBack({ model }: Lease, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#shares.gives(model), signal)
    this.#options.log.info({ model }, 'another daemon has fewer models: giving this one back')
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('leases are closed'))
    await closeAll([this.#options.leases, this.#membership])
    await this.#looking
  }

  /** Undefined when another should have it before it was granted. */
  async #whileWanted(
    model: string,
    floor: number,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const over = new AbortController()
    const done = new AbortController()
    const unwanted = this.#until(() => !this.#shares.wants(model), done.signal)
    unwanted.then(
      () => over.abort(UNWANTED),
      () => undefined,
    )
    try {
      const either = AbortSignal.any([signal, over.signal])
      const isGone = (holder: string) => this.#silence.isGone(holder)
      return await this.#options.leases.acquire(model, { floor, signal: either, isGone })
    } catch (error) {
      if (error === UNWANTED) return undefined
      throw error
    } finally {
      done.abort()
    }
  }

  #hold(lease: Lease): Lease {
    const { model } = lease
    this.#holds.add(model)
    void this.#membership.call()
    const letGo = () => {
      if (this.#holds.delete(model)) void this.#membership.call()
    }
    lease.signal.addEventListener('abort', letGo, { once: true })
    return {
      model,
      epoch: lease.epoch,
      signal: lease.signal,
      check: () => lease.check(),
      release: () => lease.release().finally(letGo),
    }
  }

  async #look(clock: Clock): Promise<void> {
    const { leaseMs, redis } = this.#options
    while (!this.#closed.signal.aborted) {
      // Publishes itself first, so that it finds itself.
      await this.#membership.call()
      const present = await this.#membership.list().catch(() => undefined)
      this.#shares.see(present && merged(present), clock.monotonicMs())
      const agesMs = await sinceCalls(redis, DAEMONS).catch(() => undefined)
      this.#silence.see(agesMs, clock.monotonicMs())
      for (const wake of this.#waiting.splice(0)) wake()
      await rest(clock, leaseMs * CALL_AT, this.#closed.signal)
    }
  }

  async #until(truth: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    while (!truth()) {
      await new Promise<void>((resolve, reject) => {
        const stop = () => reject(signal.reason as Error)
        signal.addEventListener('abort', stop, { once: true })
        this.#waiting.push(() => {
          signal.removeEventListener('abort', stop)
          resolve()
        })
      })
    }
  }
}

/**
 * How long each daemon has not called, as far as that could be seen from here. A trainer may be late by more than a lease,
 * and its daemon calls all the same; one that is silent as well is gone.
 */
class Silence {
  readonly #leaseMs: number
  /** Within the last lease. */
  #calledMs: ReadonlyMap<string, number> = new Map()
  #nowMs = 0
  /** Undefined while Redis does not answer: who calls then is not seen. */
  #sinceMs: number | undefined

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** `nowMs` is monotonic. */
  see(agesMs: ReadonlyMap<string, number> | undefined, nowMs: number): void {
    this.#nowMs = nowMs
    this.#sinceMs = agesMs && (this.#sinceMs ?? nowMs)
    const called = [...(agesMs ?? [])].map(([name, ageMs]) => [name, nowMs - ageMs] as const)
    const known = [...this.#calledMs, ...called]
    this.#calledMs = new Map(known.filter(([, atMs]) => nowMs - atMs < this.#leaseMs))
  }

  isGone(name: string): boolean {
    if (this.#sinceMs === undefined) return false
    const heardMs = Math.max(this.#sinceMs, this.#calledMs.get(name) ?? 0)
    return this.#nowMs - heardMs >= this.#leaseMs
  }
}

const UNWANTED = new Error('another daemon should have the model')

/** A daemon may have several trainer processes; its share is that of all of them. */
function merged(present: readonly Present<TrainerCard>[]) {
  const replicas = [...new Set(present.map(({ card }) => card.replica))]
  return replicas.map((name) => {
    const cards = present.filter(({ card }) => card.replica === name).map(({ card }) => card)
    return {
      name,
      models: cards.flatMap(({ models }) => models),
      holds: [...new Set(cards.flatMap(({ holds }) => holds))],
    }
  })
}
