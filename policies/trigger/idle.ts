/**
 * An update when the stream is idle, and as soon as `most` are pending.
 *
 *   update  ⇔  pending > 0 and now − newest ≥ rest_ms, or pending ≥ most
 *
 * For people who correct in bursts: the whole burst becomes one version, and training does not compete with it. The
 * trailing-edge debounce of event handling, with a bound. It reads the clock: another run of the same stream may group
 * events differently.
 */
import type { Json } from '../../src/contracts/core.ts'
import type { PolicyKind, Trigger } from '../../src/contracts/policy.ts'

export interface IdleSettings {
  readonly [setting: string]: number
  readonly rest_ms: number
  readonly most: number
}

export const idle: PolicyKind<Trigger, IdleSettings> = {
  summary: 'updates when the stream is idle',
  settings: {
    rest_ms: {
      type: 'integer',
      minimum: 100,
      maximum: 86_400_000,
      default: 1000,
      description: 'idle time, checked at each event and five times a second while idle',
    },
    most: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 1000,
      description: 'pending examples that start an update at once',
    },
  },
  open: (settings) => new IdleTrigger(settings),
}

type Observation = Pick<Parameters<Trigger['observe']>[0], 'pending' | 'nowMs'>

class IdleTrigger implements Trigger {
  readonly needsScore = false
  readonly readsClock = true
  readonly #settings: IdleSettings
  #newestMs: number | null = null

  constructor(settings: IdleSettings) {
    this.#settings = settings
  }

  /** It may follow an idle time that was not observed, such as one in which this daemon was down. */
  observe(seen: Observation) {
    const decision = this.#decide(seen, seen.pending > 1)
    this.#newestMs = seen.nowMs
    return decision
  }

  rest(seen: Observation) {
    return this.#decide(seen, seen.pending > 0)
  }

  #decide({ pending, nowMs }: Observation, waits: boolean) {
    const { rest_ms: restMs, most } = this.#settings
    // If the clock was set back, the idle time starts again.
    const sinceMs = this.#newestMs === null || nowMs < this.#newestMs ? nowMs : this.#newestMs
    this.#newestMs = sinceMs
    if (waits && nowMs - sinceMs >= restMs)
      return { verdict: 'update' as const, reason: 'after a pause' }
    const reason = `no event for ${nowMs - sinceMs} of ${restMs} ms; examples pending: ${pending}`
    if (pending < most) return { verdict: 'wait' as const, reason }
    return { verdict: 'update' as const, reason: `without a pause, as ${pending} were pending` }
  }

  snapshot(): Json {
    return { newestMs: this.#newestMs }
  }

  restore(state: Json): void {
    const newestMs = (state as { readonly newestMs?: unknown } | null)?.newestMs
    this.#newestMs = typeof newestMs === 'number' ? newestMs : null
  }
}
