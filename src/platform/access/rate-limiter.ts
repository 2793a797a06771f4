/**
 * Rates per name, such as of a key or a source of events. The generic cell rate algorithm: a token bucket with one
 * number per name as its state, the time at which it is full again.
 *
 *   allowed(n)  ⇔  max(full, now) + n / rate − now ≤ burst / rate
 *
 * ITU-T I.371 (1996). Not @fastify/rate-limit, because that counts requests and we also count the events in one; its
 * fixed windows let twice the rate pass at their edge; and its bounded store forgets a name that is over its limit.
 * This table forgets only names that are full again, which changes nothing, and counts what does not fit as one name.
 */
import type { Clock } from '../../contracts/core.ts'

export interface Rate {
  readonly per_second: number
  /** How many requests may come at once after a pause. */
  readonly burst: number
}

export interface RateLimiterOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** How many names have a rate of their own. */
  readonly names: () => number
}

/** Between two looks for names that are full again. */
const SWEEP_MS = 1000

export class RateLimiter {
  readonly #options: RateLimiterOptions
  readonly #fullMs = new Map<string, number>()
  #sweptMs = -Infinity

  constructor(options: RateLimiterOptions) {
    this.#options = options
  }

  /** Takes one, or returns the milliseconds until one may be taken. */
  take(name: string, { per_second: rate, burst }: Rate): { readonly waitMs: number } | undefined {
    const nowMs = this.#options.clock.monotonicMs()
    const known = this.#nameOf(name, nowMs)
    const fullMs = Math.max(this.#fullMs.get(known) ?? nowMs, nowMs) + 1000 / rate
    const waitMs = fullMs - nowMs - (1000 * burst) / rate
    // The sum of many steps is a little off.
    if (waitMs > 1e-6) return { waitMs }
    this.#fullMs.set(known, fullMs)
    return undefined
  }

  /** Names in the table. */
  get size(): number {
    return this.#fullMs.size
  }

  #nameOf(name: string, nowMs: number): string {
    const most = this.#options.names()
    if (this.#fullMs.has(name) || this.#fullMs.size < most) return name
    if (nowMs - this.#sweptMs >= SWEEP_MS) this.#sweep(nowMs)
    return this.#fullMs.size < most ? name : OTHERS
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs
    for (const [name, fullMs] of this.#fullMs) if (fullMs <= nowMs) this.#fullMs.delete(name)
  }
}

/** No key and no source has this name: names do not hold a NUL. */
const OTHERS = '\0'
