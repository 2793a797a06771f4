/**
 * The configured rates, raised after an alarm: they start at `peak` times the configured value, and half of the rest of
 * the increase disappears every `half_life` updates.
 *
 *   η_u / η = 1 + (peak − 1)·2^(−u/half_life)      u updates since the alarm's own; 1 before the first alarm
 *
 * The default: without a trigger that raises alarms it equals `constant`. Learning faster only where the error shows
 * that the world has changed is in Gama et al. (2014), "A survey on concept drift adaptation", ACM Computing Surveys
 * 46(4), §3.3 (informed adaptation); as a step size that rises with drift in Kuncheva & Plumpton (2008), "Adaptive
 * learning rate for online linear discriminant classifiers", SSPR.
 */
import type { Json } from '../../src/contracts/core.ts'
import type { PolicyKind, LearningRateSchedule } from '../../src/contracts/policy.ts'

export interface DriftResetSettings {
  readonly [setting: string]: number
  readonly peak: number
  readonly half_life: number
}

export const driftReset: PolicyKind<LearningRateSchedule, DriftResetSettings> = {
  summary: 'the configured rates, raised for some time after an alarm',
  settings: {
    peak: {
      type: 'number',
      minimum: 1,
      maximum: 100,
      default: 5,
      description: 'factor on the configured rates, in the update of the alarm',
    },
    half_life: {
      type: 'number',
      minimum: 0.1,
      maximum: 1_000_000,
      default: 5,
      description: 'updates after which half of the increase is left',
    },
  },
  open: (settings) => new DriftReset(settings),
}

class DriftReset implements LearningRateSchedule {
  readonly #settings: DriftResetSettings
  /** Updates begun since the last alarm, not counting its own; null before the first alarm. */
  #since: number | null = null

  constructor(settings: DriftResetSettings) {
    this.#settings = settings
  }

  begin({ raised }: Parameters<LearningRateSchedule['begin']>[0]): void {
    if (raised) this.#since = 0
    else if (this.#since !== null) this.#since += 1
  }

  factor(): number {
    if (this.#since === null) return 1
    const { peak, half_life: halfLife } = this.#settings
    return 1 + (peak - 1) * 2 ** (-this.#since / halfLife)
  }

  snapshot(): Json {
    return { since: this.#since }
  }

  restore(state: Json): void {
    const since = (state as { readonly since?: unknown } | null)?.since
    this.#since = typeof since === 'number' ? since : null
  }
}
