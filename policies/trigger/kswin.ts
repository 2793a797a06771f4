/**
 * KSWIN: the newest values of a sliding window against a random sample of the older ones, by the two-sample
 * Kolmogorov–Smirnov test.
 *
 *   D = max |F_new − F_old| over two samples of r values each
 *   p = 2·Σ_{k≥1} (−1)^{k−1} · C(2r, r − k·h)/C(2r, r),  h = r·D   (exact; Gnedenko & Korolyuk 1951)
 *   change  ⇔  p ≤ α and D > 0.1
 *
 * Watches the loss and compares its whole distribution: it also sees a change that leaves the mean unchanged. Each
 * example is a new test, so α must be small; the older sample is drawn from the trigger's own random stream.
 *
 * Raab, Heusinger & Schleif (2020), "Reactive soft prototype computing for concept drift streams", Neurocomputing 416.
 *
 *     trigger: { policy: kswin, window_size: 200, stat_size: 50 }
 */
import { CodedError, type Json, type Random, type SettingsOf } from '../../src/contracts/core.ts'
import { driftTrigger, type Change, type Detector } from './drift.ts'
import { integer, number } from '../settings.ts'

const settings = {
  alpha: number([1e-12, 0.5], 0.005, 'probability of a false alarm in one test'),
  window_size: integer([4, 10_000], 100, 'size of the sliding window; at least twice stat_size'),
  stat_size: integer(
    [2, 1000],
    30,
    'r, the number of newest values that are compared with older ones',
  ),
}

type KswinSettings = SettingsOf<typeof settings>

export const kswin = driftTrigger<KswinSettings>({
  name: 'kswin',
  summary: 'updates by count, and when the distribution of the newest losses has changed',
  watches: 'loss',
  settings,
  detector: (settings) => new KolmogorovSmirnovWindow(settings),
})

const LEAST_DISTANCE = 0.1

export class KolmogorovSmirnovWindow implements Detector {
  readonly #settings: KswinSettings
  #window: readonly number[] = []

  constructor(settings: KswinSettings) {
    const { window_size: size, stat_size: newest } = settings
    if (size < 2 * newest)
      throw new CodedError(
        'CONFIG_INVALID',
        `trigger.window_size is ${size}; allowed: twice stat_size = ${newest}, or more`,
        { details: { field: 'trigger.window_size', value: size } },
      )
    this.#settings = settings
  }

  observe(value: number, random: Random): Change | undefined {
    const { alpha, window_size: size, stat_size: newest } = this.#settings
    this.#window = [...this.#window, value].slice(-size)
    if (this.#window.length < size) return undefined
    const old = sampled(this.#window.slice(0, size - newest), newest, random)
    const recent = this.#window.slice(size - newest)
    const distance = steps(old, recent)
    const p = outside(newest, distance)
    if (p > alpha || distance / newest <= LEAST_DISTANCE) return undefined
    // Values of the new distribution are dropped too: the test restarts with an empty window.
    this.#window = []
    const [before, now] = [mean(old), mean(recent)]
    const means = `mean ${now.toFixed(3)}, before ${before.toFixed(3)}`
    return { rose: now > before, reason: `losses changed (p = ${p.toExponential(1)}; ${means})` }
  }

  snapshot(): Json {
    return [...this.#window]
  }

  restore(state: Json): void {
    this.#window = [...(state as readonly number[])].slice(-this.#settings.window_size)
  }
}

/** Without replacement: the first `count` of a shuffle (Fisher & Yates 1938). */
function sampled(values: readonly number[], count: number, random: Random): readonly number[] {
  const pool = [...values]
  for (let at = 0; at < count; at += 1) {
    const from = at + random.below(pool.length - at)
    const taken = pool[from] ?? 0
    pool[from] = pool[at] ?? 0
    pool[at] = taken
  }
  return pool.slice(0, count)
}

/**
 * h = r·D, a whole number: the largest difference between the samples in the count of values at or below some value.
 */
function steps(one: readonly number[], other: readonly number[]): number {
  const sortedOne = [...one].sort((a, b) => a - b)
  const sortedOther = [...other].sort((a, b) => a - b)
  let most = 0
  for (let at = 0, i = 0, j = 0; at < one.length + other.length; at += 1) {
    const value = Math.min(sortedOne[i] ?? Infinity, sortedOther[j] ?? Infinity)
    while ((sortedOne[i] ?? Infinity) <= value && i < one.length) i += 1
    while ((sortedOther[j] ?? Infinity) <= value && j < other.length) j += 1
    most = Math.max(most, Math.abs(i - j))
  }
  return most
}

/** P(r·D ≥ h) under equal distributions, summed from the smallest term as nested products. */
function outside(r: number, h: number): number {
  if (h === 0) return 1
  let p = 0
  for (let k = Math.floor(r / h); k >= 1; k -= 1) {
    let ratio = 1
    for (let j = 0; j < h; j += 1) ratio *= (r - (k - 1) * h - j) / (r + (k - 1) * h + j + 1)
    p = ratio * (1 - p)
  }
  return Math.min(1, 2 * p)
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
