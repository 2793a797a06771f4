/**
 * Page–Hinkley: a cumulative sum of how far values lie above their mean, compared with its minimum.
 *
 *   m_t = α·m_{t−1} + (x_t − x̄_t − δ),  M_t = min m;  change up    ⇔  m_t − M_t > λ
 *   u_t = α·u_{t−1} + (x_t − x̄_t + δ),  U_t = max u;  change down  ⇔  U_t − u_t > λ
 *
 * Watches the loss, which moves before the error does. Two sums and no window; the threshold λ is in units of the loss
 * summed over examples, and α forgets slowly.
 *
 * Page (1954), "Continuous inspection schemes", Biometrika 41; with the forgetting factor of Sebastião & Fernandes
 * (2017), "Supporting the Page-Hinkley test with empirical mode decomposition", ISMIS.
 */
import type { Json } from '../../src/contracts/core.ts'
import { driftTrigger, type Change, type Detector } from './drift.ts'

export interface PageHinkleySettings {
  readonly [setting: string]: number | string
  readonly min_instances: number
  readonly delta: number
  readonly threshold: number
  readonly alpha: number
  readonly mode: string
}

export const pageHinkley = driftTrigger<PageHinkleySettings>({
  name: 'page-hinkley',
  summary: 'updates by count, and when losses above their mean accumulate',
  watches: 'loss',
  settings: {
    min_instances: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 30,
      description: 'examples before the first test',
    },
    delta: {
      type: 'number',
      minimum: 0,
      maximum: 10,
      default: 0.005,
      description: 'deviation from the mean that does not count',
    },
    threshold: {
      type: 'number',
      minimum: 0.01,
      maximum: 1_000_000,
      default: 50,
      description: 'sum that signals a change',
    },
    alpha: {
      type: 'number',
      minimum: 0.5,
      maximum: 1,
      default: 0.9999,
      description: 'factor on the sum at each example',
    },
    mode: {
      type: 'choice',
      options: ['up', 'down', 'both'],
      default: 'both',
      description: 'which changes restart it; only upward changes are alarms',
    },
  },
  detector: (settings) => new PageHinkley(settings),
})

const fresh = { n: 0, mean: 0, up: 0, down: 0, least: null as number | null, most: -1 }

export class PageHinkley implements Detector {
  readonly #settings: PageHinkleySettings
  #state = fresh

  constructor(settings: PageHinkleySettings) {
    this.#settings = settings
  }

  observe(value: number): Change | undefined {
    const { delta, alpha, min_instances: least } = this.#settings
    const was = this.#state
    const n = was.n + 1
    const mean = was.mean + (value - was.mean) / n
    const up = alpha * was.up + (value - mean) - delta
    const down = alpha * was.down + (value - mean) + delta
    const now = { n, mean, up, down }
    this.#state = { ...now, least: Math.min(was.least ?? up, up), most: Math.max(was.most, down) }
    const change = n >= least ? this.#change() : undefined
    if (change) this.#state = fresh
    return change
  }

  snapshot(): Json {
    return { ...this.#state }
  }

  restore(state: Json): void {
    this.#state = { ...(state as typeof fresh) }
  }

  #change(): Change | undefined {
    const { threshold, mode } = this.#settings
    const { mean, up, down, least, most } = this.#state
    const rise = up - (least ?? up)
    const fall = most - down
    const around = `around a mean of ${mean.toFixed(3)}`
    if (mode !== 'down' && rise > threshold)
      return { rose: true, reason: `losses rose by ${rise.toFixed(1)} in sum ${around}` }
    if (mode !== 'up' && fall > threshold)
      return { rose: false, reason: `losses fell by ${fall.toFixed(1)} in sum ${around}` }
    return undefined
  }
}
