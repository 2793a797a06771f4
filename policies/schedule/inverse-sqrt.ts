/**
 * Rates that fall with the steps made, down to a share of the configured ones, and start again after an alarm.
 *
 *   η_t / η = max(floor, 1/√(1 + t/steps))      t steps since the start, or since the update of the last alarm
 *
 * The first examples are learned quickly, and later ones disturb less of what is known. With rates that fall as 1/√t the
 * regret of online gradient descent grows only as √T: Zinkevich (2003), "Online convex programming and generalized
 * infinitesimal gradient ascent", ICML. That is against one fixed answer; the floor lets it follow a stream that changes.
 */
import type { Json } from '../../src/contracts/core.ts'
import type { PolicyKind, LearningRateSchedule } from '../../src/contracts/policy.ts'

export interface InverseSqrtSettings {
  readonly [setting: string]: number
  readonly steps: number
  readonly floor: number
}

export const inverseSqrt: PolicyKind<LearningRateSchedule, InverseSqrtSettings> = {
  summary: 'they fall with the steps made, down to a floor, and start again after an alarm',
  settings: {
    steps: {
      type: 'number',
      minimum: 1,
      maximum: 1_000_000,
      default: 20,
      description:
        'steps after which the rates have fallen to 71 %, and after three times as many to half',
    },
    floor: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0.5,
      description: 'their lowest value, as a factor',
    },
  },
  open: (settings) => new InverseSqrt(settings),
}

class InverseSqrt implements LearningRateSchedule {
  readonly #settings: InverseSqrtSettings
  /** Steps of earlier updates, since the start or the last alarm. */
  #earlier = 0
  /** Steps of the present update. */
  #present = 0

  constructor(settings: InverseSqrtSettings) {
    this.#settings = settings
  }

  begin({ steps, raised }: Parameters<LearningRateSchedule['begin']>[0]): void {
    this.#earlier = raised ? 0 : this.#earlier + this.#present
    this.#present = steps
  }

  factor(step: number): number {
    const { steps, floor } = this.#settings
    return Math.max(floor, 1 / Math.sqrt(1 + (this.#earlier + step) / steps))
  }

  snapshot(): Json {
    return { made: this.#earlier + this.#present }
  }

  restore(state: Json): void {
    const made = (state as { readonly made?: unknown } | null)?.made
    this.#earlier = typeof made === 'number' ? made : 0
    this.#present = 0
  }
}
