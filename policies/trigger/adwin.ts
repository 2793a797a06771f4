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
 *
 *     trigger: { policy: adwin, delta: 0.001, on_drift: raise-rate }
 */
import type { Json, SettingsOf } from '../../src/contracts/core.ts'
import { integer, number } from '../settings.ts'
import { driftTrigger, type Change, type Detector } from './drift.ts'

const settings = {
  delta: number([1e-12, 0.5], 0.002, 'probability of a false alarm'),
  clock: integer([1, 100_000], 32, 'examples between two tests'),
  grace_period: integer([1, 1_000_000], 10, 'examples before the first test'),
}

type AdwinSettings = SettingsOf<typeof settings>

export const adwin = driftTrigger<AdwinSettings>({
  name: 'adwin',
  summary: 'updates by count, and when the mean error of an adaptive window has risen',
  watches: 'error',
  settings,
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

/**
 * ADWIN's window: an exponential histogram. Row i holds buckets of 2ⁱ values each, oldest first; when a row has six,
 * its two oldest are merged into one of the next row. A bucket stores the sum of its values and their squares about the
 * mean.
 *
 *   squares₁₂ = squares₁ + squares₂ + n₁·n₂/(n₁ + n₂)·(μ₁ − μ₂)²
 *
 * Datar, Gionis, Indyk & Motwani (2002), "Maintaining stream statistics over sliding windows", SIAM J. Computing 31(6).
 */
interface Bucket {
  readonly size: number
  readonly total: number
  /** Σ (x − μ)² over its values. */
  readonly squares: number
}

interface Window {
  readonly width: number
  readonly total: number
  readonly squares: number
  /** Row i: buckets of 2ⁱ values. */
  readonly rows: readonly (readonly Bucket[])[]
}

const emptyWindow: Window = { width: 0, total: 0, squares: 0, rows: [] }

const MOST_BUCKETS = 5

function addBucket(window: Window, value: number): Window {
  const one = { size: 1, total: value, squares: 0 }
  const { size: width, total, squares } = joined(all(window), one)
  return { width, total, squares, rows: compressed(window.rows, one) }
}

function dropOldest({ width, total, squares, rows }: Window): Window {
  const last = rows.at(-1) ?? []
  const [oldest, ...rest] = last
  if (oldest === undefined) return emptyWindow
  const left = { size: width - oldest.size, total: total - oldest.total, squares: 0 }
  const apart = joined(left, { ...oldest, squares: 0 }).squares
  return {
    width: left.size,
    total: left.total,
    squares: squares - oldest.squares - apart,
    rows: rest.length === 0 ? rows.slice(0, -1) : [...rows.slice(0, -1), rest],
  }
}

function oldestFirst({ rows }: Window): readonly Bucket[] {
  return [...rows].reverse().flat()
}

function all({ width, total, squares }: Window): Bucket {
  return { size: width, total, squares }
}

function joined(one: Bucket, other: Bucket): Bucket {
  const size = one.size + other.size
  const apart = one.size > 0 && other.size > 0 ? one.total / one.size - other.total / other.size : 0
  return {
    size,
    total: one.total + other.total,
    squares: one.squares + other.squares + ((one.size * other.size) / size) * apart * apart,
  }
}

function compressed(
  rows: readonly (readonly Bucket[])[],
  added: Bucket,
): readonly (readonly Bucket[])[] {
  const [first = [], ...others] = rows
  const row = [...first, added]
  const [oldest, next, ...rest] = row
  if (row.length <= MOST_BUCKETS || oldest === undefined || next === undefined)
    return [row, ...others]
  return [rest, ...compressed(others, joined(oldest, next))]
}
