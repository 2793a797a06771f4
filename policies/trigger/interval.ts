/**
 * An update at each interval in which something arrived, and as soon as `most` are pending.
 *
 *   update  ⇔  pending > 0 and now − last ≥ every_ms, or pending ≥ most
 *
 * Bounds the age of what was learned, whatever the rate of the stream: the batch interval of Zaharia et al. (2013),
 * "Discretized streams", SOSP. It reads the clock: another run of the same stream may group events differently.
 */
import type { Json } from '../../src/contracts/core.ts'
import type { PolicyKind, Trigger } from '../../src/contracts/policy.ts'

export interface IntervalSettings {
  readonly [setting: string]: number
  readonly every_ms: number
  readonly most: number
}

export const interval: PolicyKind<Trigger, IntervalSettings> = {
  summary: 'updates after an interval in which something arrived',
  settings: {
    every_ms: {
      type: 'integer',
      minimum: 100,
      maximum: 86_400_000,
      default: 5000,
      description: 'interval, checked at each event and five times a second while idle',
    },
    most: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description: 'pending examples that start an update at once',
    },
  },
  open: (settings) => new IntervalTrigger(settings),
}

class IntervalTrigger implements Trigger {
  readonly needsScore = false
  readonly readsClock = true
  readonly #settings: IntervalSettings
  /** The last update, or the first check. */
  #lastMs: number | null = null

  constructor(settings: IntervalSettings) {
    this.#settings = settings
  }

  observe({ pending, nowMs }: Parameters<Trigger['observe']>[0]) {
    return this.rest({ pending, nowMs })
  }

  rest({ pending, nowMs }: { readonly pending: number; readonly nowMs: number }) {
    const { every_ms: everyMs, most } = this.#settings
    // If the clock was set back, the interval starts again.
    this.#lastMs = this.#lastMs === null || nowMs < this.#lastMs ? nowMs : this.#lastMs
    const passedMs = nowMs - this.#lastMs
    const isDue = pending > 0 && (passedMs >= everyMs || pending >= most)
    if (isDue) this.#lastMs = nowMs
    const waiting = `${passedMs} of ${everyMs} ms have passed; examples pending: ${pending}`
    if (!isDue) return { verdict: 'wait' as const, reason: waiting }
    const early = `before the interval ended, as ${pending} were pending`
    const reason = passedMs >= everyMs ? `after an interval of ${everyMs / 1000} s` : early
    return { verdict: 'update' as const, reason }
  }

  snapshot(): Json {
    return { lastMs: this.#lastMs }
  }

  restore(state: Json): void {
    const lastMs = (state as { readonly lastMs?: unknown } | null)?.lastMs
    this.#lastMs = typeof lastMs === 'number' ? lastMs : null
  }
}
