/**
 * DDM: alarms when the error rate is significantly above its lowest value.
 *
 *   pᵢ = mean error so far, sᵢ = √(pᵢ(1 − pᵢ)/i);  p_min, s_min where p + s was least
 *   change  ⇔  pᵢ + sᵢ > p_min + k·s_min,  i > warm_start
 *
 * Watches the error (1 for a wrong answer). Fast on a sudden change, slow on a gradual one, and slower the longer it
 * was quiet: its mean covers everything since the last change.
 *
 * Gama, Medas, Castillo & Rodrigues (2004), "Learning with drift detection", SBIA.
 *
 *     trigger: { policy: ddm, threshold: 2.5 }
 */
import type { Json, SettingsOf } from '../../src/contracts/core.ts'
import { driftTrigger, type Detector } from './drift.ts'
import { integer, number } from '../settings.ts'

const settings = {
  warm_start: integer([1, 1_000_000], 30, 'examples before the first test'),
  threshold: number([0.1, 100], 3, 'standard deviations above the lowest rate'),
}

type DdmSettings = SettingsOf<typeof settings>

export const ddm = driftTrigger<DdmSettings>({
  name: 'ddm',
  summary: 'updates by count, and at an error rate significantly above its lowest',
  watches: 'error',
  settings,
  detector: (settings) => new DriftDetectionMethod(settings),
})

const fresh = { n: 0, mean: 0, lowest: null as { readonly p: number; readonly s: number } | null }

export class DriftDetectionMethod implements Detector {
  readonly #settings: DdmSettings
  #state = fresh

  constructor(settings: DdmSettings) {
    this.#settings = settings
  }

  observe(value: number) {
    const { warm_start: warmStart, threshold } = this.#settings
    const n = this.#state.n + 1
    const p = this.#state.mean + (value - this.#state.mean) / n
    const s = Math.sqrt((p * (1 - p)) / n)
    const before = this.#state.lowest
    this.#state = { n, mean: p, lowest: before }
    if (n <= warmStart) return undefined
    const lowest = before === null || p + s <= before.p + before.s ? { p, s } : before
    this.#state = { n, mean: p, lowest }
    if (p + s <= lowest.p + threshold * lowest.s) return undefined
    this.#state = fresh
    const from = `${percent(lowest.p)} at best`
    return { rose: true, reason: `the error rate rose to ${percent(p)} from ${from}` }
  }

  snapshot(): Json {
    const { n, mean, lowest } = this.#state
    return { n, mean, lowest: lowest && { ...lowest } }
  }

  restore(state: Json): void {
    const { n, mean, lowest } = state as typeof fresh
    this.#state = { n, mean, lowest: lowest && { ...lowest } }
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
