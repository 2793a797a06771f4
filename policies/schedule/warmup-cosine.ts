/**
 * Warm-up and cosine within each update: the rates rise over its first steps, then fall to `floor` by its last.
 *
 *   η_t / η = (t + 1)/(w + 1)                                        t < w = ⌊warmup·n⌋
 *           = floor + (1 − floor)·½(1 + cos(π·(t − w)/(n − w)))      otherwise, of n steps
 *
 * For updates of many steps (large `every`, several epochs), so that each version ends with small steps; an update of
 * one step has the full rate. The restart with each version follows Loshchilov & Hutter (2017), "SGDR: stochastic
 * gradient descent with warm restarts", ICLR; the warm-up follows Goyal et al. (2017), arXiv:1706.02677.
 */
import type { Json } from '../../src/contracts/core.ts'
import type { PolicyKind, LearningRateSchedule } from '../../src/contracts/policy.ts'

export interface WarmupCosineSettings {
  readonly [setting: string]: number
  readonly warmup: number
  readonly floor: number
}

export const warmupCosine: PolicyKind<LearningRateSchedule, WarmupCosineSettings> = {
  summary: 'within each update the rates rise, then fall along a cosine',
  settings: {
    warmup: {
      type: 'number',
      minimum: 0,
      maximum: 0.9,
      default: 0.1,
      description: 'share of the steps in which they rise',
    },
    floor: {
      type: 'number',
      minimum: 0,
      maximum: 1,
      default: 0,
      description: 'their final value, as a factor',
    },
  },
  open: (settings) => new WarmupCosine(settings),
}

class WarmupCosine implements LearningRateSchedule {
  readonly #settings: WarmupCosineSettings
  #steps = 1

  constructor(settings: WarmupCosineSettings) {
    this.#settings = settings
  }

  begin({ steps }: Parameters<LearningRateSchedule['begin']>[0]): void {
    this.#steps = Math.max(1, steps)
  }

  factor(step: number): number {
    const { warmup, floor } = this.#settings
    const rising = Math.floor(warmup * this.#steps)
    if (step < rising) return (step + 1) / (rising + 1)
    const fallen = Math.min(1, (step - rising) / (this.#steps - rising))
    return floor + ((1 - floor) * (1 + Math.cos(Math.PI * fallen))) / 2
  }

  /** It has no state between two updates. */
  snapshot(): Json {
    return null
  }

  restore(): void {
    this.#steps = 1
  }
}
