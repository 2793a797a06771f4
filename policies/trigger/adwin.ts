/**
 * ADWIN: a window of the newest values that grows while their mean is stable, and is cut where the mean changes.
 *
 *   W = W₀·W₁:  cut  ⇔  |μ₀ − μ₁| > √(2·σ²·δ′/m) + ⅔·δ′/m
 *   1/m = 1/(n₀ − 4) + 1/(n₁ − 4),  δ′ = ln(2·ln|W| / δ),  for n₀, n₁ ≥ 5
 *
 * Watches the error (1 for a wrong answer). It needs no assumption about the speed of change, and its false alarms are
 * bounded by δ. The window is an exponential histogram of O(log |W|) numbers, tested every `clock` examples.
 *
 * Bifet & Gavaldà (2007), "Learning from time-changing data with adaptive windowing", SDM (their ADWIN2, with the
 * corrected sizes 1/(n − 4) of the reference implementations in MOA and River).
 */
import type { Json } from '../../src/contracts/core.ts'
import { addBucket, dropOldest, emptyWindow, oldestFirst, type Window } from './adwin-window.ts'
import { driftTrigger, type Change, type Detector } from './drift.ts'

export interface AdwinSettings {
  readonly [setting: string]: number
  readonly delta: number
  readonly clock: number
  readonly grace_period: number
}

export const adwin = driftTrigger<AdwinSettings>({
  name: 'adwin',
  summary: 'updates by count, and when the mean error of an adaptive window has risen',
  watches: 'error',
  settings: {
    delta: {
      type: 'number',
      minimum: 1e-12,
      maximum: 0.5,
      default: 0.002,
      description: 'probability of a false alarm',
    },
    clock: {
      type: 'integer',
      minimum: 1,
      maximum: 100_000,
      default: 32,
      description: 'examples between two tests',
    },
    grace_period: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
      default: 10,
      description: 'examples before the first test',
    },
  },
  detector: (settings) => new AdaptiveWindow(settings),
})

const LEAST_PART = 5

export class AdaptiveWindow implements Detector {
  readonly #settings: AdwinSettings
  #window: Window = emptyWindow
  #tick = 0

  constructor(settings: AdwinSettings) {
    this.#settings = settings
  }

  observe(value: number): Change | undefined {
    const { clock, grace_period: grace } = this.#settings
    this.#window = addBucket(this.#window, value)
    this.#tick += 1
    if (this.#tick % clock !== 0 || this.#window.width <= grace) return undefined
    const change = this.#test()
    if (change) this.restore({ window: emptyWindow, tick: 0 } as unknown as Json)
    return change
  }

  snapshot(): Json {
    return { window: structuredClone(this.#window) as unknown as Json, tick: this.#tick }
  }

  restore(state: Json): void {
    const { window, tick } = state as unknown as { readonly window: Window; readonly tick: number }
    this.#window = structuredClone(window)
    this.#tick = tick
  }

  /** Drops the oldest bucket while any cut is significant; the first significant cut describes the change. */
  #test(): Change | undefined {
    let change: Change | undefined
    for (let cut = this.#cut(); cut !== undefined; cut = this.#cut()) {
      change ??= cut
      this.#window = dropOldest(this.#window)
    }
    return change
  }

  #cut(): Change | undefined {
    const { width, total } = this.#window
    let [n, sum] = [0, 0]
    for (const bucket of oldestFirst(this.#window)) {
      n += bucket.size
      sum += bucket.total
      if (n < LEAST_PART || width - n < LEAST_PART) continue
      const [before, now] = [sum / n, (total - sum) / (width - n)]
      if (Math.abs(before - now) <= this.#bound(n, width - n)) continue
      const window = `over ${n} and ${width - n} examples`
      const means = `${before.toFixed(3)} to ${now.toFixed(3)}`
      return { rose: now > before, reason: `the mean error went from ${means} ${window}` }
    }
    return undefined
  }

  #bound(before: number, now: number): number {
    const { width, squares } = this.#window
    const share = 1 / (before - LEAST_PART + 1) + 1 / (now - LEAST_PART + 1)
    const delta = Math.log((2 * Math.log(width)) / this.#settings.delta)
    return Math.sqrt(2 * share * (squares / width) * delta) + (2 / 3) * delta * share
  }
}
