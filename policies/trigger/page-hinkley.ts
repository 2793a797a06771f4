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
 *
 *     trigger: { policy: page-hinkley, threshold: 20, mode: up }
 */
import type { Json, SettingsOf } from '../../src/contracts/core.ts'
import { driftTrigger, type Change, type Detector } from './drift.ts'
import { integer, number } from '../settings.ts'

const settings = {
  min_instances: integer([1, 1_000_000], 30, 'examples before the first test'),
  delta: number([0, 10], 0.005, 'deviation from the mean that does not count'),
  threshold: number([0.01, 1_000_000], 50, 'sum that signals a change'),
  alpha: number(
    [0.5, 1],
    0.9999,
    'factor on the sum before each example; below 1 old values are forgotten',
  ),
  mode: {
    type: 'choice',
    options: ['up', 'down', 'both'],
    default: 'both',
    description: 'which changes restart it; only upward changes are alarms',
  },
} as const

type PageHinkleySettings = SettingsOf<typeof settings>

export const pageHinkley = driftTrigger<PageHinkleySettings>({
  name: 'page-hinkley',
  summary: 'updates by count, and when losses above their mean accumulate',
  watches: 'loss',
  settings,
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
