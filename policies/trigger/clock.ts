/** Triggers that read the clock: another run of the same stream may group events differently. */
import type { Json, SettingsOf } from '../../src/contracts/core.ts'
import type { PolicyKind, Trigger } from '../../src/contracts/policy.ts'
import { integer } from '../settings.ts'
import { ownState } from '../state.ts'

const most = integer([1, 100_000], 1000, 'pending examples that start an update at once')

const idleSettings = {
  rest_ms: integer(
    [100, 86_400_000],
    1000,
    'idle time, checked at each event and five times a second while idle',
  ),
  most,
}

type IdleSettings = SettingsOf<typeof idleSettings>

/**
 * An update when the stream is idle, and as soon as `most` are pending.
 *
 *   update  ⇔  pending > 0 and now − newest ≥ rest_ms, or pending ≥ most
 *
 * For people who correct in bursts: the whole burst becomes one version, and training does not compete with it. The
 * trailing-edge debounce of event handling, with a bound.
 *
 *     trigger: { policy: idle, rest_ms: 5000 }
 */
export const idle: PolicyKind<Trigger, IdleSettings> = {
  summary: 'updates when the stream is idle',
  settings: idleSettings,
  open: (settings) => new IdleTrigger(settings),
}

const intervalSettings = {
  every_ms: integer(
    [100, 86_400_000],
    5000,
    'interval, checked at each event and five times a second while idle',
  ),
  most,
}

type IntervalSettings = SettingsOf<typeof intervalSettings>

/**
 * An update at each interval in which something arrived, and as soon as `most` are pending.
 *
 *   update  ⇔  pending > 0 and now − last ≥ every_ms, or pending ≥ most
 *
 * Bounds the age of what was learned, whatever the rate of the stream: the batch interval of Zaharia et al. (2013),
 * "Discretized streams", SOSP.
 *
 *     trigger: { policy: interval, every_ms: 60000, most: 256 }
 */
export const interval: PolicyKind<Trigger, IntervalSettings> = {
  summary: 'updates after an interval in which something arrived',
  settings: intervalSettings,
  open: (settings) => new IntervalTrigger(settings),
}

type Observation = Pick<Parameters<Trigger['observe']>[0], 'pending' | 'nowMs'>

/** What both remember: the time that they measure from. */
abstract class ClockTrigger {
  readonly needsScore = false
  readonly readsClock = true
  readonly #field: string
  protected sinceMs: number | null = null

  constructor(field: string) {
    this.#field = field
  }

  /** If the clock was set back, the time starts again. */
  protected passedMs(nowMs: number): number {
    this.sinceMs = this.sinceMs === null || nowMs < this.sinceMs ? nowMs : this.sinceMs
    return nowMs - this.sinceMs
  }

  snapshot(): Json {
    return { [this.#field]: this.sinceMs }
  }

  restore(state: Json): void {
    const field = this.#field
    this.sinceMs = ownState<Readonly<Record<string, number | null>>>(state, field)?.[field] ?? null
  }
}

class IdleTrigger extends ClockTrigger implements Trigger {
  readonly #settings: IdleSettings

  constructor(settings: IdleSettings) {
    super('newestMs')
    this.#settings = settings
  }

  /** It may follow an idle time that was not observed, such as one in which this daemon was down. */
  observe(seen: Observation) {
    const decision = this.#decide(seen, seen.pending > 1)
    this.sinceMs = seen.nowMs
    return decision
  }

  rest(seen: Observation) {
    return this.#decide(seen, seen.pending > 0)
  }

  #decide({ pending, nowMs }: Observation, waits: boolean) {
    const { rest_ms: restMs, most } = this.#settings
    const passedMs = this.passedMs(nowMs)
    if (waits && passedMs >= restMs) return { verdict: 'update' as const, reason: 'after a pause' }
    const reason = `no event for ${passedMs} of ${restMs} ms; examples pending: ${pending}`
    if (pending < most) return { verdict: 'wait' as const, reason }
    return { verdict: 'update' as const, reason: `without a pause, as ${pending} were pending` }
  }
}

/** It measures from the last update, or the first check. */
class IntervalTrigger extends ClockTrigger implements Trigger {
  readonly #settings: IntervalSettings

  constructor(settings: IntervalSettings) {
    super('lastMs')
    this.#settings = settings
  }

  observe(seen: Observation) {
    return this.rest(seen)
  }

  rest({ pending, nowMs }: Observation) {
    const { every_ms: everyMs, most } = this.#settings
    const passedMs = this.passedMs(nowMs)
    const waiting = `${passedMs} of ${everyMs} ms have passed; examples pending: ${pending}`
    if (pending === 0 || (passedMs < everyMs && pending < most))
      return { verdict: 'wait' as const, reason: waiting }
    this.sinceMs = nowMs
    const early = `before the interval ended, as ${pending} were pending`
    const reason = passedMs >= everyMs ? `after an interval of ${everyMs / 1000} s` : early
    return { verdict: 'update' as const, reason }
  }
}
